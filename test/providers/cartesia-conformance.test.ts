import Cartesia from '@cartesia/cartesia-js'
import { exerciseProviderAdapter, type Method } from '@farebox/providers/conformance'
import { failureKinds, openCartesia, optionsFor, SECRET } from './cartesia-harness.ts'

const methods: Method[] = ['transcribe', 'streamTranscription', 'speak', 'streamSpeech']
const options = { methods, failureKinds, secrets: [SECRET] }

exerciseProviderAdapter('cartesia, SDK that it loads by itself, speech as bytes', () => openCartesia(), options)

for (const transport of ['sse', 'websocket'] as const) {
  exerciseProviderAdapter(
    `cartesia, raw speech by ${transport}`,
    () => openCartesia((loopback) => ({ ...optionsFor(loopback), transport })),
    { ...options, speechFormat: 'pcm' },
  )

  exerciseProviderAdapter(
    `cartesia, a client of the host's own, raw speech by ${transport}`,
    () =>
      openCartesia((loopback) => {
        const { apiKey, baseURL, websocket } = optionsFor(loopback)
        return { client: new Cartesia({ apiKey, baseURL, logLevel: 'off' }), websocket, transport }
      }),
    { ...options, speechFormat: 'pcm' },
  )
}
