import { connect } from 'node:net'
import type { ProviderAdapter } from '@farebox/core'
import { anthropic } from '@farebox/providers/anthropic'
import { cartesia } from '@farebox/providers/cartesia'
import { deepgram } from '@farebox/providers/deepgram'
import { elevenlabs } from '@farebox/providers/elevenlabs'
import { openai } from '@farebox/providers/openai'
import { twilio } from '@farebox/providers/twilio'
import { startAnthropicLoopback } from '../loopback/anthropic.ts'
import { startCartesiaLoopback } from '../loopback/cartesia.ts'
import { startDeepgramLoopback } from '../loopback/deepgram.ts'
import { startElevenlabsLoopback } from '../loopback/elevenlabs.ts'
import type { Loopback } from '../loopback/loopback-server.ts'
import { startOpenaiLoopback } from '../loopback/openai.ts'
import { startTwilioLoopback } from '../loopback/twilio.ts'

/** Every provider, on this machine, by the name of its adapter. */
export interface Providers {
  loopbacks: Readonly<Record<string, Loopback>>
  addresses: Addresses
  /** Lets all telephone calls come to their end. */
  finishCalls(): Promise<void>
  close(): Promise<void>
}

/** Where providers are reached, to be told to another process. */
export interface Addresses {
  urls: Readonly<Record<string, string>>
  keys: Readonly<Record<string, string>>
  accountSid: string
}

/** Starts a loopback of every provider. Twilio tells its prices late, at the third look after a call has ended. */
export async function startProviders(): Promise<Providers> {
  const telephones = await startTwilioLoopback({ looksBeforePrice: 2, script: () => ({ seconds: 20 }) })
  const [openaiServer, anthropicServer, deepgramServer, cartesiaServer, elevenlabsServer] = await Promise.all([
    startOpenaiLoopback(),
    startAnthropicLoopback(),
    startDeepgramLoopback(),
    startCartesiaLoopback(),
    startElevenlabsLoopback(),
  ])
  const servers = {
    openai: openaiServer,
    anthropic: anthropicServer,
    deepgram: deepgramServer,
    cartesia: cartesiaServer,
    elevenlabs: elevenlabsServer,
  }
  const loopbacks = { ...servers, twilio: telephones }
  const entries = Object.entries(servers)
  return {
    loopbacks,
    addresses: {
      urls: Object.fromEntries(Object.entries(loopbacks).map(([name, { url }]) => [name, url])),
      keys: { ...Object.fromEntries(entries.map(([name, { apiKey }]) => [name, apiKey])), twilio: telephones.authToken },
      accountSid: telephones.accountSid,
    },
    finishCalls: () => telephones.finish(),
    async close() {
      await Promise.all(Object.values(loopbacks).map((loopback) => loopback.close()))
    },
  }
}

/** The real adapters, over the real SDKs, in front of them. */
export function openAdapters({ urls, keys, accountSid }: Addresses): ProviderAdapter[] {
  const at = (name: string) => ({ apiKey: keys[name], baseURL: urls[name] })
  const near = (name: string) => ({ apiKey: keys[name], baseUrl: urls[name] })
  // Some SDKs force `wss:` upon their websockets, so the loopback is reached below TLS.
  const open = (name: string) => ({
    websocket: { createConnection: () => connect(Number(new URL(urls[name] ?? '').port), '127.0.0.1') },
  })
  return [
    openai({ ...at('openai'), ...open('openai') }),
    anthropic(at('anthropic')),
    deepgram({ ...near('deepgram'), projectId: 'none' }),
    elevenlabs(near('elevenlabs')),
    cartesia({ ...at('cartesia'), ...open('cartesia') }),
    twilio({
      accountSid,
      authToken: keys.twilio,
      baseUrl: urls.twilio,
      from: '+15557654321',
      pollMs: 20,
      timeoutMs: 500,
    }),
  ].map(withoutBooks)
}

/** Deepgram's loopback keeps no records of what it served, so it cannot be asked for them here. */
function withoutBooks(adapter: ProviderAdapter): ProviderAdapter {
  if (adapter.name !== 'deepgram') return adapter
  const { records: _, ...rest } = adapter
  return rest
}
