import type { ProviderAdapter } from '@farebox/core'
import { openai } from '@farebox/providers/openai'
import OpenAI from 'openai'
import OpenAI6 from 'openai6'
import { onTestFinished } from 'vitest'
import { type OpenaiLoopback, type OpenaiLoopbackOptions, startOpenaiLoopback } from '../loopback/openai.ts'

/** The SDK that a customer has installed, and how it comes to the adapter. */
export const sdks: readonly { sdk: string; adapter: (server: OpenaiLoopback) => ProviderAdapter }[] = [
  { sdk: 'openai 7', adapter: ({ apiKey, url }) => openai({ apiKey, baseURL: url }) },
  {
    sdk: 'openai 7 of the host',
    adapter: ({ apiKey, url }) => openai({ client: new OpenAI({ apiKey, baseURL: url, maxRetries: 0 }) }),
  },
  {
    sdk: 'openai 6 of the host',
    adapter: ({ apiKey, url }) => openai({ client: new OpenAI6({ apiKey, baseURL: url, maxRetries: 0 }) }),
  },
]

/** A loopback until the test ends. */
export async function openLoopback(options: OpenaiLoopbackOptions = {}): Promise<OpenaiLoopback> {
  const server = await startOpenaiLoopback(options)
  onTestFinished(() => server.close())
  return server
}
