import express from 'express'
import { fareboxRoutes } from 'farebox/express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openLoopback } from '../farebox/parties.ts'
import { compatHosts, openaiOver, openCompat, pairs } from './open-compat.ts'

const messages = [{ role: 'user' as const, content: 'hello' }]
const NEW = /^req_[0-9a-f]{32}$/

describe.each(pairs)('$sdk at $name', ({ host, Client }) => {
  it('tells each answer by an id of its own, whole, streamed and refused', async () => {
    const { openai } = await openCompat({ host, Client })
    const ask = { model: 'auto', messages }
    const { data, request_id } = await openai()
      .chat.completions.create({ ...ask, stream: true })
      .withResponse()
    for await (const _ of data);
    const ids: unknown[] = [
      request_id,
      (await openai().chat.completions.create(ask))._request_id,
      (await openai().responses.create({ model: 'auto', input: 'hello' }))._request_id,
      (await openai().models.list().withResponse()).request_id,
    ]
    const unknownModel = openai().chat.completions.create({ ...ask, model: 'gpt-99' })
    ids.push(await unknownModel.catch(({ requestID }) => requestID))
    const badKey = openai({ apiKey: 'fbx_nothing' }).models.list()
    ids.push(await badKey.then(undefined, ({ requestID }) => requestID))
    expect(ids).toEqual(ids.map(() => expect.stringMatching(NEW)))
    expect(new Set(ids).size).toBe(6)
  })
})

describe.each(compatHosts)('the id of a request at $name', (host) => {
  it('is that which a proxy gave it, unless it is none', async () => {
    const { api } = await openCompat({ host })
    const idOf = async (given: string, path = '/v1/embeddings') =>
      (await api.post(path, {}, { 'x-request-id': given })).headers.get('x-request-id')
    expect(await idOf('0af7651916cd43dd8448eb211c80319c')).toBe('0af7651916cd43dd8448eb211c80319c')
    expect(await idOf('x'.repeat(201))).toMatch(NEW)
    expect(await idOf('two words')).toMatch(NEW)
    expect(await idOf('a', '/api/v1/workflows')).toBeNull()
  })
})

it('the id of a request is that which the host has given it', async () => {
  const { box, account } = await openCompat()
  const app = express()
  app.use((_, response, next) => {
    response.setHeader('X-Request-Id', 'ours-1')
    next()
  })
  const server = app.use(fareboxRoutes(box)).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address?.port
  const answer = await fetch(`http://127.0.0.1:${port}/v1/models`, { headers: { authorization: `Bearer ${account.key}` } })
  expect([answer.status, answer.headers.get('x-request-id')]).toEqual([200, 'ours-1'])
})

it('the id of a request is in the log, where it failed on our side', async () => {
  const server = await openLoopback()
  server.fail({ type: 'status', status: 503 }, { times: 10 })
  const told: [object, string][] = []
  const tell = (facts: object, message: string) => void told.push([facts, message])
  const { openai } = await openCompat({
    provider: openaiOver(server),
    logger: { debug: tell, info: tell, warn: tell, error: tell },
  })
  const error = await openai()
    .chat.completions.create({ model: 'gpt-4o', messages })
    .catch((thrown: unknown) => thrown)
  const [facts] = told.find(([, message]) => message === 'a request failed') ?? []
  expect(facts).toMatchObject({ path: '/v1/chat/completions', x_request_id: (error as { requestID: string }).requestID })
})

it('the id of a request is in the OpenAPI document', async () => {
  const { api } = await openCompat()
  const { paths, components } = (await api.get('/openapi.json')).body
  const id = { 'x-request-id': { $ref: '#/components/headers/x-request-id' } }
  expect(components).toMatchObject({ headers: { 'x-request-id': {} }, responses: { Openai429: { headers: id } } })
  expect(paths?.['/v1/models']?.get).toMatchObject({ responses: { 200: { headers: id } } })
  expect(paths?.['/v1/chat/completions']?.post).toMatchObject({ responses: { 200: { headers: id } } })
})
