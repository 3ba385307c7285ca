import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeWav } from '../../packages/providers/src/adapter/wav.ts'
import type { Dice } from './dice.ts'

/** A request that is sent, under its key, until it is answered for good. */
export interface Request {
  path: string
  secret: string
  body: Uint8Array<ArrayBuffer> | Record<string, unknown>
  headers: Record<string, string>
  /** Names its workflow, which no other request does, unless it joins one that is open. */
  name: string
  /** What the answer said that it cost, in whole credits, or `undefined` until there is one that says so. */
  told?: number
  /** Whether there is an answer for good, if only a refusal. */
  isAnswered: boolean
}

/** A request of chance for one of the routes that spend. It may join a workflow that is open. */
export async function randomRequest(dice: Dice, url: string, secret: string, open: string | undefined): Promise<Request> {
  const name = `http-${randomUUID()}`
  const request = (path: string, body: Request['body'], headers = {}): Request => {
    const key = { 'idempotency-key': randomUUID() }
    return { path, secret, body, headers: { ...key, ...headers }, name, isAnswered: false }
  }
  const named = open === undefined ? { 'x-farebox-workflow': name } : { 'x-farebox-workflow-id': open }
  const messages = [{ role: 'user', content: 'hello '.repeat(dice.whole(1, 40)) }]
  const kind = dice.pick(['chat', 'stream', 'voice', 'call', 'completion', 'completions', 'response', 'embedding', 'speech'])
  if (kind === 'completion') return request('/v1/chat/completions', { model: 'auto', messages, max_tokens: 60 }, named)
  if (kind === 'completions') return request('/v1/chat/completions', { model: 'auto', messages, stream: true }, named)
  if (kind === 'response') return request('/v1/responses', { model: 'auto', input: 'hello' }, named)
  if (kind === 'embedding') return request('/v1/embeddings', { model: 'text-embedding-3-small', input: ['hello'] }, named)
  if (kind === 'speech') return request('/v1/audio/speech', { model: 'auto', input: 'hello there', voice: 'alloy' }, named)
  if (open !== undefined) {
    const usage = { service_type: 'phone', provider: 'twilio', units_consumed: dice.whole(0, 90), unit_type: 'seconds' }
    return request(`/api/v1/workflows/${open}/usage`, usage)
  }
  const made = await send(url, { path: '/api/v1/agent/create', secret, body: {}, headers: {} })
  const agent = `/api/v1/agent/${(made.json as { agent_id?: string } | undefined)?.agent_id}`
  if (kind === 'call')
    return request(`${agent}/call`, { to: '+15551234567', message: 'hello', max_minutes: 1, workflow_name: name })
  if (kind !== 'voice') return request(`${agent}/chat`, { messages, stream: kind === 'stream', workflow_name: name })
  const form = new FormData()
  form.set('audio', new Blob([writeWav(new Float32Array(dice.whole(1, 80_000)), 8_000) as Uint8Array<ArrayBuffer>]), 'a.wav')
  form.set('workflow_name', name)
  const { body, type } = await bytesOf(form)
  return request(`${agent}/voice`, body, { 'content-type': type })
}

/**
 * Sends a request to one box after the other, leaves now and then before the answer has come, and sends it again under its key. When it is
 * answered, asks once more, which must be answered alike.
 *
 * @returns  what must never be answered
 */
export async function ask(request: Request, url: () => Promise<string>, dice: Dice): Promise<string[]> {
  for (let tries = dice.whole(1, 6); tries > 0; tries--) {
    const leaving = dice.chance(0.35) ? AbortSignal.timeout(dice.whole(0, 25)) : undefined
    let answer: Answer
    try {
      answer = await send(await url(), request, leaving)
    } catch {
      continue
    }
    // Whoever asks while an earlier run goes on, or broke off, asks again.
    if (answer.status === 409 || answer.status >= 500 || isBroken(answer)) {
      if (answer.status === 500) return [`${request.path} answered 500: ${answer.text}`]
      await sleep(dice.whole(1, 20))
      continue
    }
    request.isAnswered = true
    if (answer.status !== 200) return []
    const told = toldBy(answer)
    if (request.told !== undefined && told !== request.told) return [`${request.path} cost ${request.told}, and then ${told}`]
    request.told = told
    const again = await send(await url(), request).catch(() => undefined)
    if (again?.status === 200 && (isStream(answer) || again.text === answer.text)) return []
    // It may not be kept yet, or be too long to keep, and the key may have been revoked meanwhile.
    request.isAnswered = again?.status !== 409 || again.text.includes('answer_not_kept') || again.text.includes('ANSWER_NOT_KEPT')
    if (again === undefined || again.status === 401 || again.status === 409) return []
    return [
      `${request.path} (${request.name}) answered ${answer.text.slice(0, 200)} and then ${again.status} ${again.text.slice(0, 200)}`,
    ]
  }
  return []
}

/** The answer to a request. */
export interface Answer {
  status: number
  text: string
  json: unknown
  headers: Headers
}

export async function send(
  url: string,
  { path, secret, body, headers }: Pick<Request, 'path' | 'secret' | 'body' | 'headers'>,
  signal?: AbortSignal,
): Promise<Answer> {
  const isBytes = body instanceof Uint8Array
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...headers },
    body: isBytes ? body : JSON.stringify(body),
    ...(signal && { signal }),
  })
  const text = await response.text()
  const isJson = /\bjson/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, text, json: isJson ? JSON.parse(text) : undefined, headers: response.headers }
}

/** A connection to a process that was killed, or whose box was closed. */
export function isBoxGone(error: unknown): boolean {
  return error instanceof TypeError && ['fetch failed', 'terminated'].includes(error.message)
}

async function bytesOf(form: FormData): Promise<{ body: Uint8Array<ArrayBuffer>; type: string }> {
  const response = new Response(form)
  return { body: new Uint8Array(await response.arrayBuffer()), type: response.headers.get('content-type') ?? '' }
}

function toldBy({ json, text, headers }: Answer): number | undefined {
  const finish = json ?? JSON.parse(/^data: (\{.*"type":"finish".*\})$/m.exec(text)?.[1] ?? '{}')
  const receipt = (finish as { receipt?: { total_credits_used: number } }).receipt
  const header = headers.get('x-farebox-credits-used')
  return receipt?.total_credits_used ?? (header === null ? undefined : Number(header))
}

function isStream({ headers }: Answer): boolean {
  return headers.get('content-type')?.startsWith('text/event-stream') ?? false
}

function isBroken(answer: Answer): boolean {
  return isStream(answer) && /^event: error$|"type":"error"|^data: \{"error"/m.test(answer.text)
}
