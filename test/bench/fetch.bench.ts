import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { openai } from '@farebox/providers/openai'
import { undiciFetch } from '@farebox/providers/undici-fetch'
import OpenAI from 'openai'
import { Agent, type Dispatcher } from 'undici'
import { median, ratio, throughput } from './measure.ts'

/**
 * CPU of this process per plain chat through the OpenAI SDK, with Node's global `fetch` and with ones built on a pooled undici `request`, and
 * through our adapter with the SDK and without it, against a server in another process. Slices alternate, and each ratio is of slices of one round.
 */
const ROUNDS = 9
const SLICE = 600
const CALLERS = 16
const body = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'Hello there' }] }

const server = fork(join(import.meta.dirname, 'fetch-loopback-process.ts'))
const [port] = (await once(server, 'message')) as [number]
const origin = `http://127.0.0.1:${port}`
const baseURL = `${origin}/v1`
const agent = new Agent({ connections: CALLERS })
const pooled = undiciFetch({ connections: CALLERS })

type Chat = () => Promise<string | null | undefined>
const variants: Record<string, Chat> = {
  'global fetch': throughSdk(globalThis.fetch),
  'undici request, its body as a web stream': throughSdk(async (input, init) => {
    const { statusCode, headers, body } = await send(input, init)
    return new Response(Readable.toWeb(body) as ReadableStream<Uint8Array>, { status: statusCode, headers: plain(headers) })
  }),
  'undiciFetch of @farebox/providers': throughSdk(pooled),
  'undici request, its body read by undici': throughSdk(async (input, init) => {
    const { statusCode, headers, body } = await send(input, init)
    const response = new Response(null, { status: statusCode, headers: plain(headers) })
    return Object.assign(response, { json: () => body.json(), text: () => body.text() })
  }),
  'openai({ transport: "fetch", fetch: undiciFetch() })': throughAdapter('fetch'),
  'openai({ fetch: undiciFetch() }), by the SDK': throughAdapter('sdk'),
  'undici request without the SDK': async () => {
    const headers = { authorization: 'Bearer sk-bench', 'content-type': 'application/json' }
    const answer = await agent.request({
      origin,
      path: '/v1/chat/completions',
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    return ((await answer.body.json()) as OpenAI.ChatCompletion).choices[0]?.message.content
  },
}

function throughSdk(fetch: typeof globalThis.fetch): Chat {
  const client = new OpenAI({ apiKey: 'sk-bench', baseURL, maxRetries: 0, logLevel: 'off', fetch })
  return async () => (await client.chat.completions.create(body)).choices[0]?.message.content
}

/** As the engine calls it: under a signal of the call's own, named by its attempt. */
function throughAdapter(transport: 'sdk' | 'fetch'): Chat {
  const adapter = openai({ apiKey: 'sk-bench', baseURL, fetch: pooled, transport })
  return async () => (await adapter.chat?.(body, { signal: new AbortController().signal, attemptId: 'bench' }))?.text
}

function send(input: string | URL | Request, init: RequestInit = {}): Promise<Dispatcher.ResponseData> {
  const { pathname, search } = new URL(String(input))
  return agent.request({
    origin,
    path: pathname + search,
    method: (init.method ?? 'GET') as Dispatcher.HttpMethod,
    headers: [...new Headers(init.headers)].flat(),
    body: init.body as string,
    signal: init.signal,
  })
}

function plain(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}

/** Microseconds of CPU per chat. */
async function slice(chat: Chat): Promise<number> {
  const before = process.cpuUsage()
  await throughput(CALLERS, SLICE, async () => {
    if (!(await chat())) throw new Error('there is no answer')
  })
  const { user, system } = process.cpuUsage(before)
  return (user + system) / SLICE
}

try {
  const costs = Object.fromEntries(Object.keys(variants).map((name) => [name, [] as number[]]))
  for (let round = -1; round < ROUNDS; round += 1) {
    // The first round warms up.
    for (const [name, chat] of Object.entries(variants)) {
      const cost = await slice(chat)
      if (round >= 0) costs[name]?.push(cost)
    }
  }
  const baseline = costs['global fetch'] ?? []
  for (const [name, values] of Object.entries(costs)) {
    const ratios = values.map((value, round) => value / (baseline[round] ?? Number.NaN))
    console.log(
      `${name.padEnd(52)} ${Math.round(median(values)).toString().padStart(5)} µs of CPU, ${ratio(ratios)} global fetch`,
    )
  }
} finally {
  await Promise.all([agent.close(), pooled.close()])
  server.disconnect()
}
