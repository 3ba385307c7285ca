import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openLoopback } from '../farebox/parties.ts'
import { clients, openaiOver, openCompat } from './open-compat.ts'

const chat = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'hello' }] }
const response = { model: 'gpt-4o-mini', input: 'hello' }
const speech = { model: 'openai-tts', input: 'hello', voice: 'alloy' }
const recording = () => ({
  model: 'gpt-transcribe',
  file: new File([readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url))], 'question.wav'),
})
const embedding = { model: 'text-embedding-3-small', input: 'hello' }

/** What other servers with OpenAI's API let a caller choose: who serves, and what costs more than tokens. */
const steering: Readonly<Record<string, unknown>> = {
  models: ['openai/o1-pro'],
  fallbacks: ['o1-pro'],
  context_window_fallbacks: [{ 'gpt-4o-mini': ['o1-pro'] }],
  content_policy_fallbacks: [{ 'gpt-4o-mini': ['o1-pro'] }],
  extra_body: { model: 'o1-pro', max_completion_tokens: 100_000 },
  route: 'fallback',
  preset: 'dear',
  provider: { order: ['dearest'] },
  providerOptions: { gateway: { models: ['o1-pro'] } },
  plugins: [{ id: 'web', max_results: 50 }],
  search_parameters: { mode: 'on' },
  enable_search: true,
}

describe.each(clients)('what another server would serve or bill otherwise, from $sdk', ({ Client }) => {
  it.each(Object.entries(steering))('is refused by name, and nothing is sent or charged: %s', async (name, value) => {
    const server = await openLoopback()
    const { openai, spent } = await openCompat({ Client, provider: openaiOver(server) })
    const client = openai()
    const own = { [name]: value }
    const refusal = { status: 422, param: name }
    await expect(client.chat.completions.create({ ...chat, ...own })).rejects.toMatchObject(refusal)
    await expect(client.chat.completions.create({ ...chat, ...own, stream: true })).rejects.toMatchObject(refusal)
    await expect(client.responses.create({ ...response, ...own })).rejects.toMatchObject(refusal)
    await expect(client.embeddings.create({ ...embedding, ...own })).rejects.toMatchObject(refusal)
    await expect(client.audio.speech.create({ ...speech, ...own })).rejects.toMatchObject(refusal)
    await expect(client.audio.speech.create({ ...speech, stream_format: 'audio', ...own })).rejects.toMatchObject(refusal)
    // A form writes lists and objects with brackets.
    await expect(client.audio.transcriptions.create({ ...recording(), ...own })).rejects.toMatchObject(refusal)
    expect([server.requests.length, await spent()]).toEqual([0, 0n])
  })
})

it('a request that says it wants none of it is served', async () => {
  const server = await openLoopback()
  const { api } = await openCompat({ provider: openaiOver(server) })
  const none = { ...Object.fromEntries(Object.keys(steering).map((name) => [name, null])), enable_search: false }
  expect((await api.post('/v1/chat/completions', { ...chat, ...none })).status).toBe(200)
})

/** What makes an answer of another server cost more than what is held for it, in either of OpenAI's two chat APIs. */
const dear: Readonly<Record<string, unknown>> = {
  n: 5,
  best_of: 5,
  n_predict: 100_000,
  audio: { voice: 'alloy', format: 'mp3' },
  prediction: { type: 'content', content: 'a long text' },
  web_search_options: {},
  chat_template: '{% for i in range(9999) %}word {% endfor %}',
  mm_processor_kwargs: { max_pixels: 100_000_000 },
  previous_response_id: 'resp_1',
  conversation: 'conv_1',
  prompt: { id: 'pmpt_1' },
}
/** The limit on an answer as the other of the two calls it. */
const otherLimits = { chat: ['max_output_tokens'], responses: ['max_tokens', 'max_completion_tokens'] }

it.each(['chat', 'responses'] as const)('nothing is sent that costs more than what is held for it, over %s', async (over) => {
  const server = await openLoopback()
  const { api, spent } = await openCompat({ provider: openaiOver(server, over) })
  const own: [string, unknown][] = [
    ...Object.entries(dear),
    ...otherLimits[over].map((name): [string, unknown] => [name, 100_000]),
  ]
  const [path, body] = over === 'chat' ? ['/v1/chat/completions', chat] : ['/v1/responses', response]
  for (const [name, value] of own) {
    for (const stream of [false, true]) {
      const answer = await api.post(path, { ...body, stream, [name]: value })
      expect([name, answer.status, answer.body.error?.param]).toEqual([name, 422, name])
    }
  }
  expect([server.requests.length, await spent()]).toEqual([0, 0n])
  const none = Object.fromEntries(own.map(([name]) => [name, null]))
  expect((await api.post(path, { ...body, ...none, n: 1, best_of: 1 })).status).toBe(200)
  expect(server.requests[0]?.body).not.toHaveProperty('best_of')
})

it('a recording is the file that was sent, and none at a URL', async () => {
  const server = await openLoopback()
  const { openai, spent } = await openCompat({ provider: openaiOver(server) })
  for (const url of ['https://example.com/ten-hours.wav', ['https://example.com/ten-hours.wav']]) {
    const asked = { ...recording(), url }
    await expect(openai().audio.transcriptions.create(asked)).rejects.toMatchObject({ status: 422, param: 'url' })
  }
  expect([server.requests.length, await spent()]).toEqual([0, 0n])
})

it('a recording comes without others, which would not be paid by their length', async () => {
  const server = await openLoopback()
  const { openai, spent } = await openCompat({ provider: openaiOver(server) })
  for (const known_speaker_references of ['data:audio/wav;base64,AA==', Array(4).fill('data:audio/wav;base64,AA==')]) {
    const asked = { ...recording(), known_speaker_names: ['ada'], known_speaker_references }
    const refusal = { status: 422, param: 'known_speaker_references' }
    await expect(openai().audio.transcriptions.create(asked as never)).rejects.toMatchObject(refusal)
  }
  expect([server.requests.length, await spent()]).toEqual([0, 0n])
})

it('an answer is text, also where another server makes images in Responses', async () => {
  const server = await openLoopback()
  const { openai, spent } = await openCompat({ provider: openaiOver(server, 'responses') })
  const asked = { ...response, modalities: ['text', 'image'] }
  await expect(openai().responses.create(asked)).rejects.toMatchObject({ status: 422, param: 'modalities.1' })
  expect([server.requests.length, await spent()]).toEqual([0, 0n])
})

it('a chat goes at the speed that is priced', async () => {
  const server = await openLoopback()
  const { api, spent } = await openCompat({ provider: openaiOver(server) })
  const ask = (path: string, speed: string) => api.post(path, { ...(path === '/v1/responses' ? response : chat), speed })
  for (const path of ['/v1/chat/completions', '/v1/responses']) {
    expect(await ask(path, 'fast')).toMatchObject({ status: 422, body: { error: { param: 'speed' } } })
  }
  expect([server.requests.length, await spent()]).toEqual([0, 0n])
  expect((await ask('/v1/chat/completions', 'standard')).status).toBe(200)
  expect(server.requests[0]?.body).not.toHaveProperty('speed')
})

it.each(['chat', 'responses'] as const)('metadata stays here, over a provider’s %s', async (over) => {
  const server = await openLoopback()
  const { openai } = await openCompat({ provider: openaiOver(server, over) })
  const metadata = { customer: 'ada' }
  expect(await openai().responses.create({ ...response, metadata })).toMatchObject({ metadata })
  await openai().chat.completions.create({ ...chat, metadata })
  expect(server.requests.map(({ body }) => Object.keys(body as object).includes('metadata'))).toEqual([false, false])
})

it('a field is not sent by another spelling, which some servers take for its name', async () => {
  const server = await openLoopback()
  const { api, spent } = await openCompat({ provider: openaiOver(server) })
  const chats = { N: 5, serviceTier: 'priority', MAX_TOKENS: 100_000, 'web-search-options': {}, Tools: [{ type: 'web_search' }] }
  const respelled: [string, object, Record<string, unknown>][] = [
    ['/v1/chat/completions', chat, chats],
    // Go takes the old long s for an s, and the sign of Kelvin for a k.
    ['/v1/responses', response, { bacKground: true, Max_Tool_Calls: 9, previouſ_response_id: 'resp_1' }],
    ['/v1/embeddings', embedding, { Models: ['o1-pro'] }],
    ['/v1/audio/speech', speech, { Extra_Body: { model: 'o1-pro' } }],
  ]
  for (const [path, body, fields] of respelled)
    for (const [name, value] of Object.entries(fields)) {
      const answer = await api.post(path, { ...body, [name]: value })
      expect([answer.status, answer.body.error?.param]).toEqual([422, name])
      // Nothing is sent of what is null.
      expect((await api.post(path, { ...body, [name]: null })).status).toBe(200)
    }
  const form = new FormData()
  for (const [name, value] of Object.entries({ ...recording(), Provider: 'dearest' })) form.append(name, value)
  expect(await api.post('/v1/audio/transcriptions', form)).toMatchObject({ status: 422, body: { error: { param: 'Provider' } } })
  const sent = server.requests.flatMap(({ body }) => Object.keys(body))
  expect(sent.filter((name) => respelled.some(([, , fields]) => Object.hasOwn(fields, name)))).toEqual([])
  expect(await spent()).toBeGreaterThan(0n)
})
