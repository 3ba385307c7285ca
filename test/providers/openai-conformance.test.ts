import { exerciseProviderAdapter, type Method } from '@farebox/providers/conformance'
import { undiciFetch } from '@farebox/providers/undici-fetch'
import OpenAI6 from 'openai6'
import type { OpenaiLoopback } from '../loopback/openai.ts'
import { at, failureKinds, openOpenai, SECRET } from './openai-harness.ts'

const client6 = ({ apiKey, url }: OpenaiLoopback) => new OpenAI6({ apiKey, baseURL: url, logLevel: 'off' })
const methods: Method[] = ['chat', 'streamChat', 'transcribe', 'speak', 'streamSpeech', 'converse', 'embed']
const options = { methods, failureKinds, secrets: [SECRET] }

exerciseProviderAdapter('openai, SDK 7 that it loads by itself', () => openOpenai(), options)

exerciseProviderAdapter(
  "openai, SDK 6 that is the host's own",
  () => openOpenai((loopback) => ({ ...at(loopback), client: client6(loopback) })),
  options,
)

for (const [name, fetch] of [
  ['the global fetch', undefined],
  ['undiciFetch', undiciFetch()],
] as const) {
  exerciseProviderAdapter(
    `openai, chats by ${name} alone`,
    () => openOpenai((loopback) => ({ ...at(loopback), transport: 'fetch', fetch })),
    options,
  )
  exerciseProviderAdapter(
    `openai over the Responses API, by ${name} alone`,
    () => openOpenai((loopback) => ({ ...at(loopback), transport: 'fetch', fetch, api: 'responses' })),
    options,
  )
}

exerciseProviderAdapter(
  'openai, speech that comes as events',
  () => openOpenai((loopback) => ({ ...at(loopback), models: { speak: 'gpt-4o-mini-tts' } })),
  options,
)

exerciseProviderAdapter(
  'openai over the Responses API, SDK 7',
  () => openOpenai((loopback) => ({ ...at(loopback), api: 'responses' })),
  options,
)

exerciseProviderAdapter(
  'openai over the Responses API, SDK 6',
  () => openOpenai((loopback) => ({ ...at(loopback), client: client6(loopback), api: () => 'responses' })),
  options,
)
