import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openai } from '@farebox/providers/openai'
import type OpenAI from 'openai'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Dice } from '../consistency/dice.ts'
import { clients, openCompat } from './open-compat.ts'

const SEED = 20_261_130
const ROUNDS = 20
const WORDS = ['word ', '😀', 'é', '\n', '\r\n\r\n', '"', '\\', '\u2028', '\0', 'data: x', '{"a":1}', '日本']

/** An answer as a server could give it: its texts and calls piece by piece. */
type Answer = ReturnType<typeof randomAnswer>
type Likelihoods = { content: unknown[] | null; refusal: unknown[] | null } | null

describe.each(clients)('$sdk is told the same as without us between', ({ Client }) => {
  it.each(['sdk', 'fetch'] as const)('whatever is answered, whole or streamed, over %s', async (transport) => {
    const dice = new Dice(SEED)
    let answer = randomAnswer(dice)
    const upstream = await serve(() => answer)
    const { baseURL, account } = await openCompat({ provider: openai({ apiKey: 'key', baseURL: upstream, transport }) })
    const direct = new Client({ apiKey: 'key', baseURL: upstream, maxRetries: 0 })
    const ours = new Client({ apiKey: account.key, baseURL, maxRetries: 0 })
    for (let round = 0; round < ROUNDS; round++, answer = randomAnswer(dice)) {
      expect(await heard(ours), `seed ${SEED}, round ${round}: ${JSON.stringify(answer)}`).toEqual(await heard(direct))
    }
  })
})

async function heard(client: OpenAI) {
  const ask = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'hello' }], logprobs: true }
  const stream = client.chat.completions.stream({ ...ask, stream_options: { include_usage: true } })
  // The SDK throws where an answer was cut by its length, or by a filter.
  const streamed = await stream.finalChatCompletion().catch((error: object) => error.constructor.name)
  return [said(await client.chat.completions.create(ask)), typeof streamed === 'string' ? streamed : said(streamed)]
}

function said({ choices, usage }: OpenAI.ChatCompletion) {
  return { choices, usage }
}

function randomAnswer(dice: Dice) {
  const words = () => Array.from({ length: dice.whole(1, 8) }, () => dice.pick(WORDS))
  const isRefusal = dice.chance(0.2)
  const calls = Array.from({ length: isRefusal || dice.chance(0.5) ? 0 : dice.whole(1, 3) }, (_, index) => ({
    id: `call_${index}`,
    name: dice.pick(['look', 'weather']),
    pieces: dice.chance(0.2) ? [] : ['{"q":', JSON.stringify(words().join('')), '}'],
  }))
  const [input, output] = [dice.whole(1, 300), dice.whole(1, 300)]
  return {
    texts: calls.length > 0 && dice.chance(0.5) ? [] : words(),
    isRefusal,
    calls,
    isLikely: dice.chance(0.5),
    /** Whether tokens come that are only half of a character, so that their chunks have no text. */
    hasHalves: dice.chance(0.5),
    finish: calls.length > 0 ? 'tool_calls' : dice.pick(['stop', 'stop', 'length', 'content_filter']),
    /** Where the bytes of a stream are cut, in thousandths. */
    cuts: [dice.whole(0, 999), dice.whole(0, 999)].sort((left, right) => left - right),
    usage: {
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
      prompt_tokens_details: { cached_tokens: dice.whole(0, input), audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: dice.whole(0, output),
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
  }
}

/** A server that answers as it is told, and cuts its streams anywhere. */
async function serve(next: () => Answer): Promise<string> {
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const answer = next()
    if (!JSON.parse(Buffer.concat(parts).toString()).stream) {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(completion(answer)))
      return
    }
    response.setHeader('content-type', 'text/event-stream')
    const events = chunks(answer).map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
    const bytes = Buffer.from(`${events.join('')}data: [DONE]\n\n`)
    let at = 0
    for (const cut of answer.cuts) {
      const end = Math.floor((cut * bytes.length) / 1_000)
      response.write(bytes.subarray(at, end))
      at = end
      await new Promise(setImmediate)
    }
    response.end(bytes.subarray(at))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
}

const envelope = { id: 'chatcmpl-1', created: 1, model: 'gpt-4o-mini' }

function likely({ isLikely, isRefusal }: Answer, tokens: readonly string[]): Likelihoods {
  if (!isLikely) return null
  const list = tokens.map((token) => ({ token, logprob: -0.5, bytes: [...Buffer.from(token)], top_logprobs: [] }))
  return isRefusal ? { content: null, refusal: list } : { content: list, refusal: null }
}

function completion(answer: Answer) {
  const { texts, isRefusal, calls, finish, usage } = answer
  const message = {
    role: 'assistant',
    content: isRefusal || texts.length === 0 ? null : texts.join(''),
    refusal: isRefusal ? texts.join('') : null,
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, pieces }) => ({ id, type: 'function', function: { name, arguments: pieces.join('') } })),
    }),
  }
  const logprobs = likely(answer, texts)
  return { ...envelope, object: 'chat.completion', choices: [{ index: 0, message, logprobs, finish_reason: finish }], usage }
}

function chunks(answer: Answer): object[] {
  const { texts, isRefusal, calls, finish, usage, hasHalves } = answer
  const object = 'chat.completion.chunk'
  const chunk = (delta: object, { logprobs = null, reason = null }: { logprobs?: Likelihoods; reason?: string | null } = {}) => ({
    ...envelope,
    object,
    choices: [{ index: 0, delta, logprobs, finish_reason: reason }],
    usage: null,
  })
  const text = (content: string, token: string) =>
    chunk(isRefusal ? { refusal: content } : { content }, { logprobs: likely(answer, [token]) })
  return [
    chunk({ role: 'assistant', content: '', refusal: null }),
    ...texts.flatMap((word) => [...(hasHalves && !isRefusal ? [text('', '\ufffd')] : []), text(word, word)]),
    ...calls.map(({ id, name }, index) =>
      chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] }),
    ),
    ...calls.flatMap(({ pieces }, index) =>
      pieces.map((piece) => chunk({ tool_calls: [{ index, function: { arguments: piece } }] })),
    ),
    chunk({}, { reason: finish }),
    { ...envelope, object, choices: [], usage },
  ]
}
