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
