import { join } from 'node:path'
import { credits } from '@farebox/core'
import { Ledger, type LedgerDriver } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox } from 'farebox'
import { expect, onTestFinished, test } from 'vitest'
import { databaseFolder } from '../support/database-folder.ts'
import { openAccount, openBox } from './open-box.ts'

/** Writes after every read of the journal or of accounts, as a busy account's other servers would. */
function alwaysWritten(driver: LedgerDriver<never>, write: () => Promise<unknown>): LedgerDriver {
  return new Proxy(driver, {
    get(target, property) {
      const value = Reflect.get(target, property)
      if (typeof value !== 'function') return value
      if (property !== 'select' && property !== 'selectAll') return value.bind(target)
      return async (...asked: unknown[]) => {
        const answer = await value.apply(target, asked)
        await write()
        return answer
      }
    },
  })
}

test('the balances of a statement are those after each entry, on an account to which something is written after every read', async () => {
  const filename = join(databaseFolder('statement'), 'credits.db')
  const ledger = new Ledger(sqlite({ filename }))
  await ledger.migrate()
  const { accountId } = await ledger.openAccount({ name: 'Ada' })
  await ledger.grant({ accountId, amount: credits(1_000) })
  const created = await ledger.createApiKey({ accountId, minimumBalance: credits(0) })
  if (created.status !== 'created') throw new Error(created.reason)
  const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(1) } as const
  const charge = () => ledger.charge({ accountId, service: 'gpt', provider: 'x', usage })
  const box = createFarebox({ store: alwaysWritten(sqlite({ filename }), charge), providers: [simulated()] })
  onTestFinished(async () => {
    await box.close()
    await ledger.close()
  })
  await charge()
  const routes = box.routes()
  const entries: { sequence: number; change: string; balance: string }[] = []
  let cursor = ''
  do {
    const request = new Request(`http://localhost/api/v1/credits/statement?limit=4${cursor}`, {
      headers: { authorization: `Bearer ${created.secret}` },
    })
    const page = (await (await routes(request)).json()) as { entries: typeof entries; next?: string }
    entries.push(...page.entries)
    cursor = page.next === undefined ? '' : `&cursor=${page.next}`
  } while (cursor !== '')
  expect(entries.length).toBeGreaterThan(4)
  let balance = 0
  for (const entry of entries.reverse()) {
    balance += Number(entry.change)
    expect([entry.sequence, entry.balance]).toEqual([entry.sequence, String(balance)])
  }
})

test('the postings of each entry sum to zero, also where a settlement gives back a part of its hold or closes other holds', async () => {
  const box = await openBox()
  const { accountId, key } = await openAccount(box)
  const { ledger } = box
  const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(6) } as const
  const work = { accountId, workflowId: 'w', service: 'gpt', provider: 'x', amount: credits(10) }
  await ledger.openWorkflow({ accountId, workflowId: 'w', name: 'job' })
  for (const holdId of ['first', 'second', 'third']) await ledger.placeHold({ ...work, holdId })
  await ledger.settleHold({ accountId, holdId: 'first', usage })
  await ledger.settleHold({ accountId, holdId: 'second', usage, closesWorkflow: true })
  const request = new Request('http://localhost/api/v1/credits/statement', { headers: { authorization: `Bearer ${key}` } })
  const { entries } = (await (await box.routes()(request)).json()) as { entries: { postings: Record<string, string> }[] }
  expect(entries.slice(0, 2).map(({ postings }) => postings)).toEqual([
    { held: '-20', available: '14', 'spent:gpt': '6' },
    { held: '-10', available: '4', 'spent:gpt': '6' },
  ])
  for (const { postings } of entries) expect(Object.values(postings).reduce((sum, amount) => sum + Number(amount), 0)).toBe(0)
})
