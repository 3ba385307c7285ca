import { credits, quantity } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { type ApiAnswer, serveApi } from './api-client.ts'
import { openAccount, openBox, storeNames } from './open-box.ts'

const ADMIN = 'admin-token'

/** What is wrong, by field. */
function problems({ body }: ApiAnswer): Record<string, string> {
  return Object.fromEntries(Object.values(body.errors ?? {}).map(({ field, problem }) => [String(field), String(problem)]))
}

describe.each(storeNames)('over %s', (on) => {
  it('a model whose name no database takes is refused by its field, and is not an error of ours', async () => {
    const box = await openBox({ on })
    const api = await serveApi(box, (await openAccount(box)).key)
    for (const model of ['\u0000', 'gpt\u0007', '\ud800']) {
      const asked = [
        await api.post('/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hello' }] }),
        await api.post('/v1/responses', { model, input: 'hello' }),
        await api.post('/v1/embeddings', { model, input: 'hello' }),
        await api.post('/v1/audio/speech', { model, input: 'hello' }),
      ]
      for (const { status, body } of asked) expect([status, body.error?.param]).toEqual([422, 'model'])
    }
  })
  it('the balance and the grants of an answer are of one moment, though others spend all the while', async () => {
    const box = await openBox({ on })
    const { accountId, key } = await openAccount(box)
    const api = await serveApi(box, key)
    const work = {
      service: 'gpt',
      provider: 'gpt-4o',
      usage: { quantity: quantity(1), unit: 'tokens', rated: credits(1) },
    } as const
    const charges = (async () => {
      for (let done = 0; done < 100; done++) await box.ledger.charge({ accountId, ...work })
    })()
    const answers: ApiAnswer[] = []
    const reads = Array.from({ length: 6 }, async () => {
      for (let done = 0; done < 10; done++) answers.push(await api.get('/api/v1/credits'))
    })
    await Promise.all([charges, ...reads])
    const sums = answers.map(({ body }) =>
      Object.values(body.grants ?? {}).reduce((sum, { remaining }) => sum + Number(remaining), 0),
    )
    expect(sums).toEqual(answers.map(({ body }) => Number(body.credit_balance)))
    expect(new Set(sums).size).toBeGreaterThan(1)
  })
})

describe('a cursor', () => {
  it('is taken by the list that gave it, of the same account and asked the same way, and by no other', async () => {
    const box = await openBox()
    const [own, other] = [await openAccount(box), await openAccount(box)]
    const api = await serveApi(box, own.key, { adminToken: ADMIN })
    const lists = [
      '/api/v1/workflows?limit=1',
      '/api/v1/usage/series?limit=1&granularity=hour&group_by=workflow',
      '/api/v1/usage/series?limit=1&granularity=day&group_by=provider',
      '/api/v1/credits/statement?limit=1',
      '/api/v1/admin/accounts?limit=1',
    ]
    const cursors: Record<string, unknown>[] = []
    for (const { key } of [own, other]) {
      const client = api.as(key)
      for (const workflow_name of ['call', 'chat']) {
        const { workflow_id } = (await client.post('/api/v1/workflows', { workflow_name })).body
        for (const provider of ['gpt-4o', 'gpt-4']) {
          const used = { service_type: 'gpt', provider, units_consumed: 1_000, unit_type: 'tokens' }
          expect((await client.post(`/api/v1/workflows/${workflow_id}/usage`, used)).status).toBe(200)
        }
      }
      const pages = lists.map(async (list) => {
        const { body } = await (list.includes('/admin/') ? api.as(ADMIN) : client).get(list)
        return [list, body.next_cursor ?? body.next] as const
      })
      cursors.push(Object.fromEntries(await Promise.all(pages)))
    }
    for (const [index, cursor] of cursors
      .flatMap((given, of) => Object.entries(given).map((each) => [of, each] as const))
      .entries()) {
      const [of, [from, text]] = cursor
      expect(text, from).toEqual(expect.any(String))
      for (const list of lists) {
        const isAdmin = list.includes('/admin/')
        const answer = await (isAdmin ? api.as(ADMIN) : api).get(`${list}&cursor=${text}`)
        const isItsOwn = list === from && (of === 0 || isAdmin)
        const expected = isItsOwn
          ? [200, {}]
          : [422, { cursor: expect.stringMatching(/^must be the next cursor of an earlier page/) }]
        expect([answer.status, problems(answer)], `${index}: of ${from} at ${list}`).toEqual(expected)
      }
    }
  })

  it('of a statement that somebody changed tells no balance that never was', async () => {
    const box = await openBox()
    const api = await serveApi(box, (await openAccount(box)).key)
    const { next } = (await api.get('/api/v1/credits/statement?limit=1')).body
    const place = JSON.parse(Buffer.from(String(next), 'base64url').toString())
    const made = [place.with(-1, '1'), place.slice(1), [...place, 1], [2, '1']].map((each) =>
      Buffer.from(JSON.stringify(each)).toString('base64url'),
    )
    for (const cursor of [...made, '2.1', '0.0', '999999999999999.99999999999999999999', `${next}x`]) {
      const answer = await api.get(`/api/v1/credits/statement?cursor=${cursor}`)
      expect([answer.status, Object.keys(problems(answer))], cursor).toEqual([422, ['cursor']])
    }
  })
})

describe('a query', () => {
  const month = 'from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z'
  const ranged = ['usage', 'usage/series', 'usage/recommendations', 'workflows', 'export'].map((path) => `/api/v1/${path}`)

  it('with a parameter twice is told so, for one of the two would be left out', async () => {
    const box = await openBox()
    const [own, other] = [await openAccount(box), await openAccount(box)]
    const api = await serveApi(box, own.key, { adminToken: ADMIN })
    const asked = [
      ['limit', await api.get('/api/v1/workflows?limit=1&limit=2')],
      ['from', await api.get('/api/v1/usage?from=2026-02-01T00:00:00Z&from=2026-01-01T00:00:00Z')],
      ['account_id', await api.as(ADMIN).get(`/api/v1/credits?account_id=${own.accountId}&account_id=${other.accountId}`)],
    ] as const
    for (const [field, answer] of asked) {
      expect([answer.status, problems(answer)]).toEqual([422, { [field]: 'must be given once' }])
    }
  })

  it('with a parameter that a route does not know is told so, and not answered as if it had none', async () => {
    const box = await openBox()
    const { key, prefix, accountId } = await openAccount(box)
    const api = await serveApi(box, key, { adminToken: ADMIN })
    const paths = ['credits', 'keys', 'budgets', 'usage', `usage/keys/${prefix}`, 'credits/statement', 'export']
    for (const path of paths) {
      const answer = await api.get(`/api/v1/${path}?since=2026-01-01T00:00:00Z`)
      expect([path, answer.status, problems(answer)]).toEqual([path, 422, { since: 'is not a field of this request' }])
    }
    for (const path of ['accounts', `accounts/${accountId}/keys`, 'export']) {
      const answer = await api.as(ADMIN).get(`/api/v1/admin/${path}?since=2026-01-01T00:00:00Z`)
      expect([path, answer.status, Object.keys(problems(answer))]).toEqual([path, 422, ['since']])
    }
    // What is of no account is asked by readers of one with its name, and OpenAI's and operators' tools add what they like.
    for (const path of [
      `/api/v1/prices?account_id=${accountId}`,
      `/api/v1/status?account_id=${accountId}`,
      '/v1/models?limit=20',
      '/healthz?t=1',
      '/readyz?t=1',
      '/openapi.json?v=2',
    ]) {
      expect([path, (await api.get(path)).status]).toEqual([path, 200])
    }
  })

  it('whose time ends before it begins is told so, wherever times are asked for', async () => {
    const box = await openBox()
    const api = await serveApi(box, (await openAccount(box)).key)
    for (const path of ranged) {
      for (const range of [month, 'from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'to=0001-01-01T00:00:00Z']) {
        const answer = await api.get(`${path}?${range}`)
        const told = path.endsWith('/series') ? { from: 'must be before to' } : { to: 'must be after from' }
        expect([path, answer.status, problems(answer)]).toEqual([path, 422, told])
      }
    }
  })

  it.each(storeNames)('takes a time before all times as the first one, and one after them as the last, on %s', async (on) => {
    const box = await openBox({ on })
    const { key, accountId } = await openAccount(box)
    const api = await serveApi(box, key)
    await box.workflow({ accountId, name: 'call' }).record('gpt', 'gpt-4o', 1_000, 'tokens')
    for (const path of ranged) {
      const all = await api.get(path)
      for (const from of ['0001-01-01T00:00:00Z', '1969-12-31T23:59:59-11:00']) {
        for (const to of ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59-23:59']) {
          const answer = await api.get(`${path}?from=${from}&to=${to}`)
          // A series of so many days is longer than any.
          const isSeries = path.endsWith('series')
          expect([path, answer.status, Object.keys(problems(answer))]).toEqual([
            path,
            isSeries ? 422 : 200,
            isSeries ? ['from'] : [],
          ])
          expect(JSON.stringify(answer.body)).not.toMatch(/epoch|[+]01/)
          if (path.endsWith('usage') || path.endsWith('export')) expect(answer.body).toEqual(all.body)
        }
      }
    }
    const { body } = await api.get('/api/v1/usage/recommendations?to=9999-12-31T23:59:59-23:59')
    expect(Number.isNaN(Date.parse(String(body.to)))).toBe(false)
  })
})

describe('a body', () => {
  it('is told of a wrong time, amount or entry in the words of the wire', async () => {
    const box = await openBox()
    const { key, accountId: account_id } = await openAccount(box)
    const api = await serveApi(box, key, { adminToken: ADMIN })
    const admin = async (path: string, body: object) =>
      problems(await api.as(ADMIN).post(`/api/v1/admin/${path}`, { account_id, ...body }))
    const times = 'must be a time from 1970 until 2255'
    expect(await admin('grants', { credits: 1, expires_at: '9999-12-31T23:59:59Z' })).toEqual({ expires_at: times })
    expect(await admin('grants', { credits: 1, effective_at: '1969-12-31T23:59:59Z' })).toEqual({ effective_at: times })
    expect(await admin('keys', { expires_at: '9999-12-31T23:59:59-23:59' })).toEqual({ expires_at: times })
    expect(await admin('keys', { services: ['gpt', 'gpt'] })).toEqual({
      'services.1': 'names the same service and provider as an earlier entry',
    })
    const workflow = async (body: object) => problems(await api.post('/api/v1/workflows', { workflow_name: 'call', ...body }))
    expect(await workflow({ reserve_credits: 0 })).toEqual({ reserve_credits: 'must be above 0' })
    expect(await workflow({ reserve_credits: 5, max_credits: 1 })).toEqual({ reserve_credits: 'must not be above max_credits' })
    const { workflow_id } = (await api.post('/api/v1/workflows', { workflow_name: 'call' })).body
    const used = { service_type: 'phone', provider: 'twilio', units_consumed: 1_000_000_000, unit_type: 'minutes' }
    expect(problems(await api.post(`/api/v1/workflows/${workflow_id}/usage`, used))).toEqual({
      units_consumed: 'must cost at most a billion credits',
    })
  })

  it('of an OpenAI client is told of a wrong header in the same words', async () => {
    const box = await openBox()
    const api = await serveApi(box, (await openAccount(box)).key)
    const list = 'must be JSON, or a list such as tier=free, region=eu'
    const headers: [name: string, value: string, problem: string][] = [
      ['x-farebox-workflow', '', 'must not be empty'],
      ['x-farebox-workflow', 'x'.repeat(201), 'must have at most 200 characters'],
      ['x-farebox-metadata', '{"tier":null}', 'must be texts under names, such as {"tier":"free"}'],
      ['x-farebox-metadata', 'free', list],
      ['x-farebox-metadata', '[]', list],
      ['x-farebox-max-credits', '-1', 'must be a decimal with at most six decimals'],
    ]
    for (const [name, value, problem] of headers) {
      const { status, body } = await api.post('/v1/responses', { model: 'auto', input: 'hello' }, { [name]: value })
      expect([status, body.error]).toMatchObject([422, { message: `${name}: ${problem}`, param: name }])
    }
  })
})
