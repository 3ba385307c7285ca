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
