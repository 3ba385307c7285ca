import { DeepgramClient } from '@deepgram/sdk'
import { exerciseProviderAdapter, type Method } from '@farebox/providers/conformance'
import { failureKinds, openDeepgram, SECRET } from './deepgram-harness.ts'

const methods: Method[] = ['transcribe', 'streamTranscription', 'speak', 'streamSpeech']
const options = { methods, failureKinds, secrets: [SECRET] }

exerciseProviderAdapter('deepgram, SDK that it loads by itself', () => openDeepgram(), options)

exerciseProviderAdapter(
  "deepgram, SDK that is the host's own",
  () => openDeepgram(({ apiKey, url }) => ({ client: new DeepgramClient({ apiKey, baseUrl: url }) })),
  options,
)
