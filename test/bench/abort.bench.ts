import type { CallContext, ProviderAdapter } from '@farebox/core'
import { openAdapters, startProviders } from '../faults/providers.ts'
import type { Loopback } from '../loopback/loopback-server.ts'
import { median } from './measure.ts'

/**
 * How long after an abort, or after a reader has left, the provider's connection is gone, in milliseconds: the median and the longest of some
 * streams that stall. Beside them, a `fetch` that is aborted by itself, against the same servers.
 */
const ROUNDS = 15
const audio = async function* () {
  for (;;) {
    yield new Uint8Array(800).fill(0xff)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
const format = { encoding: 'mulaw', sampleRate: 8_000 } as const

type Open = (adapter: ProviderAdapter, context: CallContext) => AsyncIterable<unknown> | undefined
const chat: Open = (adapter, context) =>
  adapter.streamChat?.(
    { model: modelOf(adapter, 'gpt'), messages: [{ role: 'user', content: 'one two three four five six' }] },
    context,
  )
const speech: Open = (adapter, context) =>
  adapter.streamSpeech?.(
    { model: modelOf(adapter, 'voice_tts'), text: 'one two three', format: adapter.name === 'cartesia' ? 'pcm' : 'mp3' },
    context,
  )
const hearing: Open = (adapter, context) =>
  adapter.streamTranscription?.({ model: modelOf(adapter, 'voice_stt'), audio: audio(), format }, context)

const streams: readonly [string, string, Open][] = [
  ['openai', 'chat', chat],
  ['anthropic', 'chat', chat],
  ['openai', 'speech', speech],
  ['deepgram', 'speech', speech],
  ['elevenlabs', 'speech', speech],
  ['cartesia', 'speech', speech],
  ['deepgram', 'live', hearing],
  ['cartesia', 'live', hearing],
]

const providers = await startProviders()
const adapters = openAdapters(providers.addresses)
try {
  const rows: Record<string, Record<string, string>> = {}
  for (const [name, what, open] of streams) {
    const adapter = adapters.find((one) => one.name === name)
    const server = providers.loopbacks[name]
    if (!adapter || !server) throw new Error(`there is no ${name}`)
    const waits: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) waits.push(await abortOnce(adapter, server, open, what === 'live'))
    rows[`${name} ${what}`] = { median: median(waits).toFixed(1), longest: Math.max(...waits).toFixed(1) }
  }
  const plain: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) plain.push(await abortFetch(providers.loopbacks.openai as Loopback))
  rows['fetch by itself'] = { median: median(plain).toFixed(1), longest: Math.max(...plain).toFixed(1) }
  console.table(rows)
} finally {
  await providers.close()
}

async function abortOnce(adapter: ProviderAdapter, server: Loopback, open: Open, isLive: boolean): Promise<number> {
  const before = server.requests.length
  const order = isLive ? undefined : server.fail({ type: 'stall', after: 3 })
  const controller = new AbortController()
  const events = open(adapter, { signal: controller.signal, attemptId: 'a1' })?.[Symbol.asyncIterator]()
  await events?.next()
  const rest = (async () => {
    while (!(await events?.next())?.done);
  })().catch(() => undefined)
  // Live sound goes on by itself, and its provider listens.
  await (order ? order.struck : new Promise((resolve) => setTimeout(resolve, 50)))
  const since = performance.now()
  controller.abort()
  await server.requests[before]?.abandoned
  const waited = performance.now() - since
  order?.release()
  await rest
  return waited
}

async function abortFetch(server: Loopback): Promise<number> {
  const order = server.fail({ type: 'silence' })
  const controller = new AbortController()
  const asked = fetch(`${server.url}/models`, { signal: controller.signal }).catch(() => undefined)
  await order.struck
  const since = performance.now()
  controller.abort()
  await server.requests.at(-1)?.abandoned
  const waited = performance.now() - since
  order.release()
  await asked
  return waited
}

function modelOf({ offers }: ProviderAdapter, service: string): string {
  return offers.find((offer) => offer.service === service)?.model ?? ''
}
