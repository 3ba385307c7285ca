import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { credits, formatCredits, microCredits } from '@farebox/core'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, PriceBook, type PriceBookDocument } from 'farebox'
import { expect, it, onTestFinished } from 'vitest'
import { farebox } from '../cli/run-farebox.ts'
import { Dice } from '../consistency/dice.ts'
import { databaseFolder } from '../support/database-folder.ts'
import { type ApiClient, type Json, serveApi } from './api-client.ts'
import { holdToDocument } from './hold-to-document.ts'
import { openAccount, openKey } from './open-box.ts'

// Prices of fractions of a credit, used at random, beside a tally of what each thing cost to the micro-credit. What is shown is the exact amount, or
// that amount rounded once, and parts come to their total.

const PRICES = [
  { service: 'gpt', provider: 'gpt-4o-mini', unit: 'tokens', micro: 1n },
  { service: 'gpt', provider: 'gpt-4o', unit: 'tokens', micro: 30_007n },
  { service: 'voice_stt', provider: 'deepgram', unit: 'minutes', micro: 100_000n },
  { service: 'voice_tts', provider: 'cartesia', unit: 'characters', micro: 333_333n },
  { service: 'phone', provider: 'twilio', unit: 'minutes', micro: 1_000_000n },
] as const

const book = new PriceBook({
  name: 'fractions',
  currency: 'credits',
  rounding: { mode: 'up', step: '0.000001', point: 'total' },
  versions: [
    {
      version: '1',
      effective_from: '2020-01-01T00:00:00Z',
      entries: PRICES.map(({ service, provider, unit, micro }) => ({
        service,
        provider,
        rates: [{ unit, amount: formatCredits(microCredits(micro)) }],
      })),
    },
  ],
} as unknown as PriceBookDocument)

/** What one charge or refund came to. */
interface Entry {
  workflow: string
  name: string
  service: string
  provider: string
  user: string | null
  key: string
  micro: bigint
}

const sumOf = (entries: readonly { micro: bigint }[]) => entries.reduce((sum, { micro }) => sum + micro, 0n)
const exactText = (micro: bigint) => formatCredits(microCredits(micro))
/** Decimal credits, read without the code under test. */
const micro = (text: unknown) => {
  const [, sign, whole = '', decimals = ''] = /^(-?)(\d+)(?:\.(\d{1,6}))?$/.exec(String(text)) ?? []
  const size = BigInt(whole) * 1_000_000n + BigInt(decimals.padEnd(6, '0'))
  return sign === '-' ? -size : size
}
const up = (amount: bigint) => Math.ceil(Number(amount) / 1_000_000) + 0
const down = (amount: bigint) => Math.floor(Number(amount) / 1_000_000) + 0

/** Expects whole credits, rounded up, with the exact decimal beside them where that is something else. */
function expectCharge(json: Json | undefined, field: string, amount: bigint, what: string): void {
  const isWhole = amount % 1_000_000n === 0n
  expect([json?.[field], json?.[`${field}_exact`]], `${field} of ${what}`).toEqual([
    up(amount),
    isWhole ? undefined : exactText(amount),
  ])
}

/** An amount as it is shown: rounded, and exact beside that where it was not whole. */
const rounded = (field: string, amount: bigint, round: (amount: bigint) => number) => ({
  [field]: round(amount),
  ...(amount % 1_000_000n !== 0n && { [`${field}_exact`]: exactText(amount) }),
})
const exactOf = (json: Json | undefined, field: string) => micro(json?.[`${field}_exact`] ?? json?.[field])

it.each([1, 2, 3])('amounts that are shown are exact or rounded once, and parts come to their totals (seed %i)', async (seed) => {
  const dice = new Dice(seed)
  const folder = databaseFolder('amounts')
  const filename = join(folder, 'credits.db')
  const focus = { seller: 'Seller', currency: 'USD', creditPrice: '0.013' }
  const box = createFarebox({ store: sqlite({ filename }), providers: [simulated()], prices: book, focus })
  const faults = holdToDocument(box)
  onTestFinished(async () => {
    await box.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await box.migrate()
  const { ledger } = box
  const account = await openAccount(box)
  const { accountId } = account
  const keys = [account, await openKey(box, accountId, { name: 'second', userId: 'grace' })]
  const api = await serveApi(box, account.key, { adminToken: 'admin-token' })
  const granted = 10_000_000_000n

  const workflows: { id: string; name: string; parent?: string; user: string | null; key: (typeof keys)[number] }[] = []
  const entries: Entry[] = []
  for (let step = 0; step < 40; step++) {
    const roll = dice.roll()
    if (workflows.length === 0 || roll < 0.3) {
      const key = dice.pick(keys)
      const parent = workflows.length > 0 && dice.chance(0.5) ? dice.pick(workflows).id : undefined
      const [name, user] = [dice.pick(['chat', 'call', 'lesson']), key === account ? dice.pick([null, 'ada']) : 'grace']
      const opened = await ledger.openWorkflow({
        accountId,
        name,
        parentId: parent,
        userId: user ?? undefined,
        apiKeyId: key.apiKeyId,
      })
      if (opened.status === 'refused') throw new Error('a workflow was refused')
      workflows.push({ id: opened.workflowId, name, parent, user, key })
    } else if (roll < 0.85) {
      const { id, name, user, key } = dice.pick(workflows)
      const { service, provider, unit, micro: price } = dice.pick(PRICES)
      const units = dice.whole(1, 40)
      const body = { service_type: service, provider, units_consumed: units, unit_type: unit }
      const { status, body: told } = await api.as(key.key).post(`/api/v1/workflows/${id}/usage`, body)
      expect(status).toBe(200)
      const cost = BigInt(units) * price
      entries.push({ workflow: id, name, service, provider, user, key: key.prefix, micro: cost })
      expectCharge(told, 'credits_used', cost, 'a charge')
      expect(told.credit_balance).toBe(down(granted - sumOf(entries)))
    } else {
      const records = (await ledger.usageOf(accountId, dice.pick(workflows).id)).filter(({ corrects }) => corrects === null)
      if (records.length === 0) continue
      const record = dice.pick(records)
      const { service, provider, charged, usageId } = record
      const outcome = await ledger.refund({ accountId, usageId, amount: microCredits((charged + 2n) / 3n) })
      const { name } = workflows.find(({ id }) => id === record.workflowId) ?? { name: '' }
      const key = keys.find(({ apiKeyId }) => apiKeyId === record.apiKeyId)?.prefix ?? ''
      const back = { workflow: record.workflowId ?? '', name, service, provider, user: record.userId, key }
      if (outcome.status !== 'refused') entries.push({ ...back, micro: -outcome.refunded })
    }
  }
  const total = sumOf(entries)
  expect(total % 1_000_000n).not.toBe(0n)

  // The report, its parts, and those of one key.
  const { body: usage } = await api.get('/api/v1/usage')
  expectReport(usage, entries, ['workflow_breakdown', 'service_breakdown'])
  for (const { prefix } of keys) {
    const own = entries.filter(({ key }) => key === prefix)
    expectReport((await api.get(`/api/v1/usage/keys/${prefix}`)).body, own, ['workflows_used', 'top_consuming_services'])
  }

  // The series, however it is divided.
  for (const group of ['none', 'workflow', 'service', 'provider', 'api_key', 'user']) {
    const { body } = await api.get(`/api/v1/usage/series?group_by=${group}&granularity=month`)
    const series = body.series as unknown as Json[]
    for (const entry of series) {
      expect(entry.total_credits).toBe(up(micro(entry.total_credits_exact)))
      const own = entries.filter((each) => group === 'none' || groupsOf(each)[group] === (entry.name as unknown))
      expect(micro(entry.total_credits_exact), `${group} ${entry.name}`).toBe(sumOf(own))
    }
    expect(sumOf(series.map((entry) => ({ micro: micro(entry.total_credits_exact) })))).toBe(total)
  }

  // The list of workflows, page after page: each includes those below it, and those at the top come to all of it.
  const costOf = (id: string): bigint =>
    sumOf(entries.filter(({ workflow }) => workflow === id)) +
    workflows.filter(({ parent }) => parent === id).reduce((sum, below) => sum + costOf(below.id), 0n)
  await ledger.placeHold({
    accountId,
    workflowId: workflows[0]?.id,
    holdId: 'h',
    service: 'gpt',
    provider: 'gpt-4o',
    amount: credits('0.5'),
  })
  const listed = await readAll(api, '/api/v1/workflows?limit=3', 'workflows')
  expect(listed).toHaveLength(workflows.length)
  for (const { id, parent } of workflows) {
    const listing = listed.find(({ workflow_id }) => (workflow_id as unknown) === id)
    expectCharge(listing, 'total_credits_used', costOf(id), 'a listed workflow')
    expect(listing?.parent_workflow_id).toBe(parent)
  }
  const first = listed.find(({ workflow_id }) => (workflow_id as unknown) === workflows[0]?.id)
  expectCharge(first, 'held', 500_000n, 'a listed workflow')
  const tops = listed.filter(({ parent_workflow_id }) => parent_workflow_id === undefined)
  expect(sumOf(tops.map((each) => ({ micro: exactOf(each, 'total_credits_used') })))).toBe(total)

  // The balance, rounded against the reader, and the statement, which is exact.
  const balance = granted - total
  const { grants, ...shown } = (await api.get('/api/v1/credits')).body
  expect(shown).toEqual({
    ...rounded('credit_balance', balance, down),
    ...rounded('held', 500_000n, up),
    ...rounded('available', balance - 500_000n, down),
  })
  expect(sumOf(Object.values(grants ?? {}).map((each) => ({ micro: exactOf(each, 'remaining') })))).toBe(balance)
  const { accounts } = (await api.as('admin-token').get('/api/v1/admin/accounts')).body
  expect(accounts).toMatchObject([
    {
      account_id: accountId,
      ...rounded('balance', balance, down),
      ...rounded('held', 500_000n, up),
      ...rounded('available', balance - 500_000n, down),
    },
  ])
  await ledger.releaseHold({ accountId, holdId: 'h' })
  const statement = await readAll(api, '/api/v1/credits/statement?limit=7', 'entries', 'next')
  expect(statement[0]?.balance).toBe(exactText(balance))
  expect(sumOf(statement.map(({ change }) => ({ micro: micro(change) })))).toBe(balance)

  // Receipts: the lines and the workflows below come to the total.
  for (const { id } of workflows) {
    const { body: receipt } = await api.get(`/api/v1/workflows/${id}`)
    expectCharge(receipt, 'total_credits_used', costOf(id), 'a receipt')
    const lines = receipt.services_used as unknown as Json[]
    for (const line of lines) {
      const own = entries.filter((each) => each.workflow === id && each.provider === (line.provider as unknown))
      expectCharge(line, 'credits_used', sumOf(own), `a receipt’s ${line.provider}`)
    }
    const below = workflows.filter(({ parent }) => parent === id).reduce((sum, each) => sum + costOf(each.id), 0n)
    expect(sumOf(lines.map((line) => ({ micro: exactOf(line, 'credits_used') }))) + below).toBe(costOf(id))
  }

  // The command line: lines and total of its tables.
  const ran = await farebox('usage', accountId, '--store', filename)
  const rows = (ran.tables[0] ?? []) as { name: string; total_credits: string | number }[]
  for (const row of rows)
    expect(micro(row.total_credits)).toBe(sumOf(entries.filter(({ provider }) => row.name.endsWith(`_${provider}`))))
  expect(ran.lines).toEqual([`${exactText(total)} credits`])
  const byUser = await farebox('usage', accountId, '--store', filename, '--by', 'user')
  expect(sumOf((byUser.tables[0] ?? []).map((row) => ({ micro: micro((row as { credits: string }).credits) })))).toBe(total)

  // Exports: every record, in each format.
  const records = async (format: string) =>
    String((await api.get(`/api/v1/export?format=${format}`)).body)
      .trim()
      .split('\n')
  const amounts = (lines: readonly string[], read: (line: Json) => unknown) =>
    sumOf(lines.map((line) => ({ micro: micro(read(JSON.parse(line) as Json)) })))
  expect(amounts(await records('jsonl'), (line) => line.credits_charged)).toBe(total)
  expect(amounts(await records('cloudevents'), (line) => line.data?.credits_charged)).toBe(total)
  for (const [format, column] of [
    ['csv', 'credits_charged'],
    ['focus', 'x_CreditsCharged'],
  ] as const) {
    const [head = '', ...lines] = await records(format)
    const place = head.split(',').indexOf(column)
    expect(place).toBeGreaterThan(0)
    expect(sumOf(lines.map((line) => ({ micro: micro(cellsOf(line)[place]) })))).toBe(total)
    if (format === 'csv') continue
    // Money to its last digit: credits by the price of one.
    const cost = (line: string) => Number(cellsOf(line)[head.split(',').indexOf('ListCost')])
    expect(lines.reduce((sum, line) => sum + cost(line), 0)).toBeCloseTo((Number(total) / 1_000_000) * 0.013, 9)
  }

  // A chat by OpenAI's API says what it cost, rounded up, and what is left, rounded down.
  const messages = [{ role: 'user', content: 'hello' }]
  const { headers } = await api.post('/v1/chat/completions', { model: 'gpt-4o', messages })
  const cost = sumOf(
    (await ledger.usageOf(accountId, String(headers.get('x-farebox-workflow-id')))).map(({ charged }) => ({ micro: charged })),
  )
  expect(cost % 1_000_000n).not.toBe(0n)
  expect(['credits-used', 'balance'].map((name) => headers.get(`x-farebox-${name}`))).toEqual([
    String(up(cost)),
    String(down(balance - cost)),
  ])

  // A budget, and a refusal that names what was needed and what there is.
  await ledger.setBudget({ accountId, period: 'total', limit: credits('0.25') })
  expect((await api.get('/api/v1/budgets')).body).toMatchObject({ budgets: [{ limit: 0, limit_exact: '0.25' }] })
  const body = { workflow_name: 'dear', reserve_credits: '20000.000001' }
  const refused = await api.post('/api/v1/workflows', body)
  expect(refused).toMatchObject({ status: 402, body: { needed: '20000.000001' } })
  expect(refused.body.detail).toContain(`${refused.body.available} `)

  expect(faults, 'answers that the OpenAPI document does not allow').toEqual([])

  function expectReport(report: Json, own: readonly Entry[], [byWorkflow, byService]: [string, string]): void {
    expectCharge(report, 'total_credits', sumOf(own), 'a report')
    for (const [name, part] of Object.entries(report[byWorkflow] ?? {}))
      expectCharge(part, 'total_credits', sumOf(own.filter((each) => each.name === name)), name)
    for (const part of report[byService] as unknown as Json[])
      expectCharge(
        part,
        'total_credits',
        sumOf(own.filter((each) => groupsOf(each).provider === (part.name as unknown))),
        String(part.name),
      )
    for (const parts of [byWorkflow, byService].map((each) => Object.values(report[each] ?? {}) as unknown as Json[]))
      expect(sumOf(parts.map((part) => ({ micro: exactOf(part, 'total_credits') })))).toBe(exactOf(report, 'total_credits'))
  }
})

function groupsOf({ name, service, provider, user, key }: Entry): Record<string, string | null> {
  return { workflow: name, service, provider: `${service}_${provider}`, api_key: key, user }
}

/** All entries of a list, page after page. */
async function readAll(api: ApiClient, path: string, field: string, next = 'next_cursor'): Promise<Json[]> {
  const found: Json[] = []
  let cursor: unknown
  do {
    const { body } = await api.get(cursor ? `${path}&cursor=${cursor}` : path)
    found.push(...(body[field] as unknown as Json[]))
    cursor = body[next]
  } while (cursor)
  return found
}

/** The cells of a line of CSV. */
function cellsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)("(?:[^"]|"")*"|[^,]*)/g)].map(([, cell = '']) => cell.replace(/^"|"$/g, ''))
}
