import { ElevenLabsClient } from '@elevenlabs/elevenlabs-js'
import { exerciseProviderAdapter, type Method } from '@farebox/providers/conformance'
import { failureKinds, openElevenlabs, SECRET } from './elevenlabs-harness.ts'

const methods: Method[] = ['transcribe', 'speak', 'streamSpeech']
const options = { methods, failureKinds, secrets: [SECRET] }

exerciseProviderAdapter('elevenlabs, SDK that it loads by itself', () => openElevenlabs(), options)

exerciseProviderAdapter(
  "elevenlabs, a client of the host's own",
  () => openElevenlabs(({ apiKey, url }) => ({ client: new ElevenLabsClient({ apiKey, baseUrl: url }) })),
  options,
)
