import { credits } from '@farebox/core'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox } from 'farebox'
import { expect, it } from 'vitest'
import { serveApi } from './api-client.ts'
import { openAccount, openBox, storeNames } from './open-box.ts'

const DAY = 86_400_000

it.each(storeNames)('old answers are deleted, and their requests neither served nor charged again, on %s', async (on) => {
  let now = Date.now() - 40 * DAY
  const box = await openBox({ on, clock: () => now, storeClock: () => now })
  const { accountId, key } = await openAccount(box)
  const api = await serveApi(box, key)
  const { agent_id } = (await api.post('/api/v1/agent/create', {})).body
  const ask = (once: string, message = 'Hello') =>
    api.post(`/api/v1/agent/${agent_id}/chat`, { message }, { 'idempotency-key': once })
  const charged = async () => credits(10_000) - (await box.ledger.balance(accountId)).balance
  expect((await ask('old')).status).toBe(200)
  expect((await ask('refused', '')).status).toBe(422)
  now += 39 * DAY
  expect((await ask('new')).status).toBe(200)
  now += DAY / 2

  const told: number[] = []
  expect(await box.forgetAnswers({ olderThanMs: 30 * DAY, onForgotten: (count) => told.push(count) })).toBe(1)
  expect(told).toEqual([1])
  expect(await box.forgetAnswers({ olderThanMs: 30 * DAY })).toBe(0)

  const spent = await charged()
  expect(await ask('old')).toMatchObject({ status: 409, body: { code: 'ANSWER_NOT_KEPT' } })
  expect(await ask('old', 'Goodbye')).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_CONFLICT' } })
  expect((await ask('new')).headers.get('idempotency-replayed')).toBe('true')
  expect(await charged()).toBe(spent)
  expect(JSON.stringify(await box.ledger.document(accountId, 'run_end', 'old#1'))).not.toContain('text')
})

it('more answers than fit one statement are deleted, of every account', async () => {
  let now = Date.now() - 2 * DAY
  const box = await openBox({ clock: () => now, storeClock: () => now })
  const save = (accountId: string, index: number) =>
    box.ledger.saveDocument({ accountId, kind: 'run_end', documentId: `k${index}#1`, body: { answer: { index } } })
  const accounts = [await openAccount(box), await openAccount(box), await openAccount(box)]
  for (const [index, { accountId }] of accounts.entries()) {
    const count = [1_001, 500, 1][index] ?? 0
    await Promise.all(Array.from({ length: count }, (_, document) => save(accountId, document)))
    await box.ledger.saveDocument({ accountId, kind: 'run_end', documentId: 'failed#1', body: { failed: 'TIMEOUT' } })
  }
  now += 2 * DAY
  const told: number[] = []
  expect(await box.forgetAnswers({ olderThanMs: DAY, onForgotten: (count) => told.push(count) })).toBe(1_502)
  expect(told.toSorted((a, b) => a - b)).toEqual([1, 1, 500, 500, 500])
  for (const { accountId } of accounts) {
    const failed = await box.ledger.document(accountId, 'run_end', 'failed#1')
    expect(failed?.body).toEqual({ failed: 'TIMEOUT' })
  }
})

it('answers that were forgotten before are not read again', async () => {
  let now = Date.now() - 2 * DAY
  const store = sqlite({ filename: ':memory:', clock: () => now })
  let rows = 0
  const select = store.select.bind(store)
  store.select = async (query) => {
    const found = await select(query)
    if (query.text.includes('{documents}')) rows += found.length
    return found
  }
  const box = createFarebox({ store, providers: [simulated()], clock: () => now })
  await box.ledger.migrate()
  const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
  for (let index = 0; index < 20; index++)
    await box.ledger.saveDocument({ accountId, kind: 'run_end', documentId: `k${index}#1`, body: { answer: { index } } })
  now += 2 * DAY
  expect(await box.forgetAnswers({ olderThanMs: DAY })).toBe(20)
  rows = 0
  expect(await box.forgetAnswers({ olderThanMs: DAY })).toBe(0)
  expect(rows).toBe(0)
})

it.each([0, -1, 3_599_999, Number.NaN, Number.POSITIVE_INFINITY, 3_600_000.5])(
  'an age of %s ms is refused',
  async (olderThanMs) => {
    const box = await openBox()
    await expect(box.forgetAnswers({ olderThanMs })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  },
)
