import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { routeHosts } from '../farebox/hosts.ts'
import { openapiValidator } from '../support/openapi-validator.ts'
import { clients, openCompat } from './open-compat.ts'

const question = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))
const ask = { model: 'auto', messages: [{ role: 'user' as const, content: 'hello' }] }

describe.each(routeHosts)('the routes for OpenAI’s clients in $name', (host) => {
  it('are served, forms and streams too, and other paths under /v1 are left to the host', async () => {
    const { openai, api } = await openCompat({ host })
    expect((await openai().chat.completions.create(ask)).model).toBe('gpt-4o-mini')
    const streamed = await openai().chat.completions.stream(ask).finalChatCompletion()
    expect(streamed.choices[0]?.message.content).toContain('hello')
    const file = new File([question], 'question.wav')
    expect((await openai().audio.transcriptions.create({ file, model: 'auto' })).text).not.toBe('')
    expect((await openai().models.list()).data.length).toBeGreaterThan(5)
    const theirs = await api.get('/v1/users')
    expect([theirs.status, theirs.body.error]).toEqual([404, undefined])
  })
})

it.each(clients)('may be asked by $sdk in a page of an origin that is named', async ({ Client }) => {
  const origin = 'https://app.example.com'
  const { openai } = await openCompat({ Client, routes: { cors: { origins: [origin] } } })
  // As a browser: by a preflight for whatever a page may not send without one.
  const browse = async (url: string | URL | Request, init?: RequestInit) => {
    const names = [...new Headers(init?.headers).keys()].filter((name) => name !== 'accept')
    const headers = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': names.join(',') }
    const flight = await fetch(url, { method: 'OPTIONS', headers })
    const allowed = flight.headers.get('access-control-allow-headers')?.split(',') ?? []
    expect(names.filter((name) => !allowed.includes(name))).toEqual([])
    const answer = await fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(init?.headers)), origin } })
    // Without it the client asks again what it was told not to.
    expect(answer.headers.get('access-control-expose-headers')?.split(',')).toContain('x-should-retry')
    return answer
  }
  const given = { fetch: browse, dangerouslyAllowBrowser: true, organization: 'o', project: 'p' }
  const chats = openai(given).chat.completions
  expect((await chats.create(ask)).model).toBe('gpt-4o-mini')
  await chats.stream(ask).finalChatCompletion()
  await openai(given).responses.create({ model: 'auto', input: 'hello' }, { timeout: 10_000 })
})

it('are in the OpenAPI document, with the errors that OpenAI’s clients know', async () => {
  const { api } = await openCompat()
  const { paths, components } = (await api.get('/openapi.json')).body
  expect(Object.keys(paths ?? {}).filter((path) => path.startsWith('/v1/'))).toEqual([
    '/v1/chat/completions',
    '/v1/responses',
    '/v1/embeddings',
    '/v1/audio/speech',
    '/v1/audio/transcriptions',
    '/v1/models',
    '/v1/models/{model}',
  ])
  expect(paths?.['/v1/chat/completions']?.post).toMatchObject({
    requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/CreateChatCompletionRequest' } } } },
    responses: { 402: { $ref: '#/components/responses/Openai402' } },
  })
  expect(components).toMatchObject({
    schemas: {
      CreateChatCompletionRequest: {
        properties: { model: {}, messages: { type: 'array' } },
        required: expect.arrayContaining(['model', 'messages']),
      },
    },
    responses: { Openai402: { content: { 'application/json': { schema: { $ref: '#/components/schemas/OpenaiError' } } } } },
  })
})

it('take the requests that the OpenAPI document allows, and no others', async () => {
  const { api } = await openCompat()
  const invalid = openapiValidator(JSON.stringify((await api.get('/openapi.json')).body))
  const chat = { model: 'auto', messages: [{ role: 'user', content: 'hello' }] }
  const said = { role: 'user', content: 'hello' }
  const requests: [path: string, schema: string, body: object, isTaken: boolean][] = [
    ['chat/completions', 'CreateChatCompletionRequest', chat, true],
    ['chat/completions', 'CreateChatCompletionRequest', { ...chat, prediction: null, audio: null }, true],
    ['chat/completions', 'CreateChatCompletionRequest', { ...chat, prediction: { type: 'content', content: 'x' } }, false],
    ['chat/completions', 'CreateChatCompletionRequest', { ...chat, functions: [] }, false],
    ['responses', 'CreateResponseRequest', { model: 'auto', input: [said] }, true],
    ['responses', 'CreateResponseRequest', { model: 'auto', input: [{ type: 'message', ...said }] }, true],
    ['responses', 'CreateResponseRequest', { model: 'auto', input: [said, { role: 'assistant', content: 'hi' }] }, true],
    ['responses', 'CreateResponseRequest', { model: 'auto', input: [{ type: 'item_reference', id: 'msg_1' }] }, false],
    ['responses', 'CreateResponseRequest', { model: 'auto', input: [{ content: 'hello' }] }, false],
    ['responses', 'CreateResponseRequest', { model: 'auto', input: [said], previous_response_id: 'resp_1' }, false],
  ]
  for (const [path, schema, body, isTaken] of requests) {
    const { status } = await api.post(`/v1/${path}`, body)
    expect([body, status, invalid(schema, body).length === 0]).toEqual([body, isTaken ? 200 : 422, isTaken])
  }
})
