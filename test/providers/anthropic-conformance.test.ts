import Anthropic from '@anthropic-ai/sdk'
import { exerciseProviderAdapter, type Method } from '@farebox/providers/conformance'
import { failureKinds, openAnthropic, SECRET } from './anthropic-harness.ts'

const methods: Method[] = ['chat', 'streamChat']
const options = { methods, failureKinds, secrets: [SECRET] }

exerciseProviderAdapter('anthropic, SDK 1 that it loads by itself', () => openAnthropic(), options)

exerciseProviderAdapter(
  "anthropic, SDK 1 that is the host's own",
  () =>
    openAnthropic(({ apiKey, url }) => ({
      client: new Anthropic({ apiKey, baseURL: url, logLevel: 'off', openTelemetry: false }),
    })),
  options,
)
