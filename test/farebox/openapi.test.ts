import { credits } from '@farebox/core'
import { Validator } from '@seriousme/openapi-schema-validator'
import { statusOfCode } from 'farebox'
import { beforeAll, describe, expect, it } from 'vitest'
import { type OpenapiValidator, openapiValidator } from '../support/openapi-validator.ts'
import { type ApiClient, serveApi } from './api-client.ts'
import { openAccount, openBox } from './open-box.ts'

interface Operation {
  operationId: string
  tags: string[]
  summary: string
  security: unknown[]
  requestBody?: { content: Record<string, { schema: object }> }
  responses: Record<string, { $ref?: string; content?: Record<string, { schema?: object }> }>
}
interface Document {
  openapi: string
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, { examples?: unknown[] }>; responses: Record<string, object> }
}

describe('the OpenAPI document', () => {
  let document: Document
  let operations: Operation[]
  let invalid: OpenapiValidator

  beforeAll(async () => {
    // Its own box: this document is read before any test.
    const { createFarebox } = await import('farebox')
    const { sqlite } = await import('@farebox/ledger/sqlite')
    const box = createFarebox({ store: sqlite({ filename: ':memory:' }), providers: [] })
    document = (await (await box.routes()(new Request('http://api.example/openapi.json'))).json()) as Document
    await box.close()
    operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))
    invalid = openapiValidator(JSON.stringify(document))
  })

  it('is one of OpenAPI 3.1, and all of its references lead somewhere', async () => {
    const validator = new Validator()
    const { valid, errors } = await validator.validate(structuredClone(document) as never)
    expect([valid, errors]).toEqual([true, undefined])
    expect(validator.version).toBe('3.1')
    expect(() => validator.resolveRefs()).not.toThrow()
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)
    for (const [, path = ''] of references) {
      const found = path.split('/').reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], document)
      expect(found, path).toBeDefined()
    }
  })

  it('names every operation once, and says what each is about', () => {
    const ids = operations.map(({ operationId }) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
    const tags = document.tags.map(({ name }) => name)
    for (const { tags: own, summary } of operations) {
      expect(tags).toEqual(expect.arrayContaining(own))
      expect(summary).not.toBe('')
    }
  })

  it('has a schema for every answer and every failure', () => {
    for (const { operationId, responses } of operations) {
      const statuses = Object.keys(responses)
      expect(
        statuses.filter((status) => status.startsWith('2')),
        operationId,
      ).toHaveLength(1)
      expect(statuses).toEqual(expect.arrayContaining(['429', '500', '503']))
      for (const [status, response] of Object.entries(responses)) {
        if (!status.startsWith('2'))
          expect(response.$ref).toMatch(new RegExp(`^#/components/responses/(Problem|Openai)${status}$`))
        else for (const { schema } of Object.values(response.content ?? {})) expect(schema, operationId).toBeDefined()
      }
    }
    for (const status of new Set(Object.values(statusOfCode)))
      expect(document.components.responses).toHaveProperty(`Problem${status}`)
  })

  it('shows examples that its own schemas allow', () => {
    const shown = Object.entries(document.components.schemas).flatMap(([name, { examples = [] }]) =>
      examples.map((example) => [name, example] as const),
    )
    expect(shown.length).toBeGreaterThan(15)
    for (const [name, example] of shown) expect([name, invalid(name, example)]).toEqual([name, []])
  })
})

describe('a request by another method', () => {
  let api: ApiClient
  const ask = async (method: string, path: string) => {
    const { status, headers, body } = await fetch(`${api.url}${path}`, { method })
    return {
      status,
      allow: headers.get('allow'),
      type: headers.get('content-type'),
      text: body ? await new Response(body).text() : '',
    }
  }

  it('is told which methods there are', async () => {
    api = await serveApi(await openBox())
    expect(await ask('DELETE', '/api/v1/credits')).toMatchObject({ status: 405, allow: 'GET, HEAD, OPTIONS' })
    expect(await ask('GET', '/api/v1/agent/any/chat')).toMatchObject({ status: 405, allow: 'POST, OPTIONS' })
    expect(await ask('PUT', '/api/v1/workflows')).toMatchObject({ status: 405, allow: 'POST, GET, HEAD, OPTIONS' })
    expect(JSON.parse((await ask('POST', '/api/v1/credits')).text)).toMatchObject({
      code: 'METHOD_NOT_ALLOWED',
      status: 405,
      detail: 'POST is not for /api/v1/credits: use GET or HEAD or OPTIONS',
    })
    expect(JSON.parse((await ask('GET', '/v1/chat/completions')).text)).toMatchObject({ error: { code: 'method_not_allowed' } })
    expect(await ask('OPTIONS', '/api/v1/estimate')).toEqual({ status: 204, allow: 'POST, OPTIONS', type: null, text: '' })
  })

  it('HEAD gets what GET would, without its body', async () => {
    api = await serveApi(await openBox())
    expect(await ask('HEAD', '/healthz')).toMatchObject({ status: 200, type: 'application/json', text: '' })
    expect(await ask('HEAD', '/api/v1/credits')).toMatchObject({ status: 401, text: '' })
    expect(await ask('HEAD', '/api/v1/estimate')).toMatchObject({ status: 405, allow: 'POST, OPTIONS', text: '' })
  })
})

describe('a wrong field', () => {
  it('is named, with what it must be, in words of our own', async () => {
    const box = await openBox()
    const { key } = await openAccount(box, { balance: credits(100) })
    const api = await serveApi(box, key, { adminToken: 'admin' })
    const problems = async (path: string, body: unknown, client = api) => {
      const answer = await client.post(path, body)
      expect(answer).toMatchObject({ status: 422, body: { code: 'INVALID_BODY' } })
      const { errors } = answer.body as unknown as { errors: { field: string; problem: string }[] }
      return Object.fromEntries(errors.map(({ field, problem }) => [field, problem]))
    }
    const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'w' })).body
    expect(
      await problems(`/api/v1/workflows/${workflow_id}/usage`, { units_consumed: true, unit_type: 'miles', provider: '' }),
    ).toEqual({
      service_type: 'is missing: give a text',
      provider: 'must not be empty',
      units_consumed: 'must be a number, or a text',
      unit_type: 'must be one of tokens, minutes, seconds, characters, images, requests, bytes',
    })
    expect(await problems('/api/v1/workflows', {})).toEqual({ workflow_name: 'is missing: give a text' })
    expect(await problems('/api/v1/workflows', [])).toEqual({ body: 'must be an object' })
    expect(await problems('/api/v1/estimate', { ai_tokens: -1, max_output_tokens: 1.5, messages: [] })).toEqual({
      ai_tokens: 'must be at least 0',
      max_output_tokens: 'must be a whole number',
      messages: 'must not be empty',
    })
    expect(await problems('/api/v1/agent/any/chat', { messages: [{ role: 'robot', content: 5 }] })).toEqual({
      'messages.0.role': 'must be one of system, user, assistant',
      'messages.0.content': 'must be a text',
    })
    const grant = { credits: 0, expires_at: 'tomorrow', source: 'thin air' }
    expect(await problems('/api/v1/admin/grants', grant, api.as('admin'))).toEqual({
      account_id: 'is missing: give a text',
      credits: 'must be above 0',
      expires_at: 'must be an RFC 3339 time such as 2030-01-31T12:00:00Z',
      source: 'must be one of purchase, promo, plan, refund, adjustment',
    })
  })
})
