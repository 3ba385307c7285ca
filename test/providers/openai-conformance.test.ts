import { exerciseProviderAdapter, type Method } from '@farebox/providers/conformance'
import OpenAI6 from 'openai6'
import { failureKinds, openOpenai, SECRET } from './openai-harness.ts'

const methods: Method[] = ['chat', 'streamChat', 'transcribe', 'speak', 'streamSpeech', 'embed']
const options = { methods, failureKinds, secrets: [SECRET] }

exerciseProviderAdapter('openai, SDK 7 that it loads by itself', () => openOpenai(), options)

exerciseProviderAdapter(
  "openai, SDK 6 that is the host's own",
  () => openOpenai(({ apiKey, url }) => ({ client: new OpenAI6({ apiKey, baseURL: url, logLevel: 'off' }) })),
  options,
)

exerciseProviderAdapter(
  'openai, speech that comes as events',
  () => openOpenai(({ apiKey, url }) => ({ apiKey, baseURL: url, models: { speak: 'gpt-4o-mini-tts' } })),
  options,
)

exerciseProviderAdapter(
  'openai over the Responses API, SDK 7',
  () => openOpenai(({ apiKey, url }) => ({ apiKey, baseURL: url, api: 'responses' })),
  options,
)

exerciseProviderAdapter(
  'openai over the Responses API, SDK 6',
  () =>
    openOpenai(({ apiKey, url }) => ({ client: new OpenAI6({ apiKey, baseURL: url, logLevel: 'off' }), api: () => 'responses' })),
  options,
)
