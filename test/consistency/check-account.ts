import { type Quantity, quantity, type UsageQuantity } from '@farebox/core'
import type { JournalEntry, UsageRow, WorkflowSummary } from '@farebox/ledger'
import { type PriceBook, rate } from '@farebox/pricing'
import type { Farebox } from 'farebox'
import type { Account } from './account.ts'
import { checkBudgets } from './check-budgets.ts'
import { checkFigures } from './check-figures.ts'
import { checkEvents, checkExports, checkGrants, signed } from './check-history.ts'
import { Dice } from './dice.ts'
import { START, type Terms } from './open-box.ts'

/** Whom a check asks. */
export interface Checked {
  box: Farebox
  /** The API of a box over the same books. */
  url: string
  terms: Terms
}

/** Asks everything that tells what an account has used whether it says the same. Returns what does not. */
export async function checkAccount({ box, url, terms }: Checked, account: Account): Promise<string[]> {
  const { accountId } = account
  const faults: string[] = []
  const same = (what: string, told: unknown, recorded: unknown) => {
    if (told !== recorded) faults.push(`${what} says ${told}, the records ${recorded}`)
  }
  const balance = await box.ledger.balance(accountId)
  const rows: UsageRow[] = []
  for await (const page of box.ledger.history.usage({ accountId })) rows.push(...page)
  const charged = sum(rows)
  const workflows = await workflowsOf(box, account)

  const { items } = await box.ledger.statement(accountId, { limit: 1_000_000 })
  const entries = items.toReversed()
  const buckets = bucketsOf(account, entries, faults)
  const spent = [...buckets].filter(([bucket]) => bucket.startsWith('spent')).reduce((total, [, amount]) => total + amount, 0n)
  same('the statement', spent, charged)
  const left = (buckets.get('available') ?? 0n) + (buckets.get('held') ?? 0n)
  if (left !== balance.balance) faults.push(`the balance is ${balance.balance}, by the statement ${left}`)

  const { services, workflows: byWorkflow } = await box.ledger.breakdowns({ accountId })
  same('the breakdown by service', sum(services), charged)
  same('the breakdown by workflow', sum(byWorkflow), sum(rows.filter(({ workflowId }) => workflowId !== null)))
  for (const groupBy of ['none', 'workflow', 'provider', 'api_key', 'user'] as const) {
    const { entries } = await box.ledger.usageSeries({
      accountId,
      granularity: 'day',
      groupBy,
      from: START - 86_400_000,
      to: box.now() + 3_600_000,
    })
    same(`the series by ${groupBy}`, sum(entries), charged)
  }

  faults.push(
    ...(await checkFigures(box, account, { rows, workflows }, new Dice(rows.length))),
    ...(await checkExports(box, account, rows, balance)),
    ...(await checkGrants(box, account, rows)),
    ...(await checkEvents(box, account, entries)),
  )
  await checkApi({ box, url, terms }, account, same, { balance: balance.balance, rows, entries })
  checkCharges(account, rows, faults)
  checkWorkflows(account, { rows, workflows, terms }, faults)
  checkRequests(account, { rows, workflows }, faults)
  checkRecords(account, rows, terms, faults)
  if (balance.held === 0n) faults.push(...(await checkBudgets(box, account, { rows, workflows, entries })))
  const { mismatches } = await box.ledger.verify(accountId)
  for (const { kind, at } of mismatches) faults.push(`${kind} at ${at}`)
  return faults.map((fault) => `${accountId}: ${fault}`)
}

/** The statement, bucket by bucket. */
function bucketsOf(account: Account, entries: readonly JournalEntry[], faults: string[]): Map<string, bigint> {
  const buckets = new Map<string, bigint>()
  const least = -account.creditLimit - account.debtLimit
  for (const { postings, sequence } of entries) {
    let entry = 0n
    for (const [bucket, amount] of postings) {
      entry += amount
      buckets.set(bucket, (buckets.get(bucket) ?? 0n) + amount)
    }
    if (entry !== 0n) faults.push(`entry ${sequence} sums to ${entry}`)
    const available = buckets.get('available') ?? 0n
    if (!account.mayOwe && available < least)
      faults.push(`${available} is available after entry ${sequence}, of at least ${least}`)
  }
  return buckets
}

/** All of them, and not only those with records: one whose work failed costs nothing. */
async function workflowsOf(box: Farebox, { accountId }: Account): Promise<Map<string, WorkflowSummary>> {
  const { workflows } = await box.ledger.workflows({ accountId }, { limit: 1_000 })
  const summaries = await Promise.all(workflows.map(({ workflowId }) => box.ledger.workflow(accountId, workflowId)))
  return new Map(summaries.map((summary) => [summary.workflowId, summary]))
}

interface Records {
  rows: readonly UsageRow[]
  workflows: ReadonlyMap<string, WorkflowSummary>
}

/** Each workflow comes to its records, keeps to its ceiling, and costs what its callers were told. */
function checkWorkflows(account: Account, { rows, workflows, terms }: Records & { terms: Terms }, faults: string[]): void {
  const own = Map.groupBy(rows, ({ workflowId }) => workflowId ?? '')
  const children = Map.groupBy(workflows.values(), ({ parentId }) => parentId)
  const total = (id: string): bigint =>
    sum(own.get(id) ?? []) + (children.get(id) ?? []).reduce((all, { workflowId }) => all + total(workflowId), 0n)
  for (const [id, { spent, held, maxCredits, lines, state }] of workflows) {
    if (spent !== total(id)) faults.push(`workflow ${id} has spent ${spent}, its records ${total(id)}`)
    if (sum(lines) !== sum(own.get(id) ?? [])) faults.push(`the lines of workflow ${id} come to ${sum(lines)}`)
    if (maxCredits !== null && spent + held > maxCredits)
      faults.push(`workflow ${id} has spent ${spent} and holds ${held} of ${maxCredits}`)
    if (state === 'closed' && held !== 0n && !children.has(id)) faults.push(`workflow ${id} is closed and holds ${held}`)
  }
  for (const [id, told] of account.told) {
    const first = sum((own.get(id) ?? []).filter(({ corrects }) => corrects === null))
    const mayBeMore = account.unsure.has(id) || terms.failedAttempts === 'charged'
    if (mayBeMore ? first < told : first !== told)
      faults.push(`workflow ${id} was charged ${first}, its callers were told ${told}`)
  }
}

/** Requests are charged once, whatever became of their connections, and what their answers say. */
function checkRequests(account: Account, { rows, workflows }: Records, faults: string[]): void {
  const byName = Map.groupBy(rows, ({ workflowId }) => workflows.get(workflowId ?? '')?.name)
  for (const { path, name, told } of account.requests) {
    const own = Map.groupBy(byName.get(name) ?? [], ({ workflowId }) => workflowId)
    // A run that failed is given back. One whose provider counts otherwise later is set right, after its caller was told.
    const costs = [...own.values()]
      .filter((run) => sum(run) !== 0n)
      .map((run) => sum(run.filter(({ corrects }) => corrects === null)))
    if (costs.length > 1) faults.push(`${path} (${name}) was charged ${costs.length} times: ${costs.join(', ')}`)
    if (told !== undefined && wholeUp(costs[0] ?? 0n) !== told)
      faults.push(`${path} (${name}) was charged ${costs[0]}, its caller was told ${told}`)
  }
}

/** Each record is of the book's price, and corrections come to what was told of them. */
function checkRecords(account: Account, rows: readonly UsageRow[], { book }: Terms, faults: string[]): void {
  const corrections = Map.groupBy(rows, ({ corrects }) => corrects)
  const byId = new Map(rows.map((row) => [row.usageId, row]))
  for (const usageId of account.takenBack) {
    const left = (byId.get(usageId)?.charged ?? 0n) + sum(corrections.get(usageId) ?? [])
    if (left !== 0n) faults.push(`${usageId} was refunded whole, and ${left} is left of it`)
  }
  for (const [usageId, refunded] of account.refunded) {
    if (account.takenBack.has(usageId)) continue
    const back = -sum(corrections.get(usageId) ?? [])
    if (account.perhapsTakenBack.has(usageId) && back === byId.get(usageId)?.charged) continue
    if (back !== refunded) faults.push(`${usageId} was refunded ${back}, the operator was told ${refunded}`)
  }
  const ids = rows.map(({ usageId }) => usageId)
  for (const row of rows) {
    const { usageId, service, provider, rated, createdAt, corrects } = row
    if (corrects !== null || row.quantity === 0n || ids.some((id) => id.startsWith(`${usageId}.part`))) continue
    const { usage, at = createdAt, call } = (row.details ?? {}) as { usage?: Counted[]; at?: number; call?: string }
    if (!usage || call !== undefined || usageId.includes('.part')) continue
    const due = priceOf(book, { service, provider, at }, usage)
    // A share of a call that was split may be rounded the other way.
    if (due - rated > 1n || rated - due > 1n) faults.push(`${usageId} was rated ${rated}, by the book ${due}`)
  }
}

type Counted = Omit<UsageQuantity, 'quantity'> & { quantity: string }

function priceOf(book: PriceBook, of: { service: string; provider: string; at: number }, usage: readonly Counted[]): bigint {
  const counted = usage.map((one) => ({ ...one, quantity: quantity(one.quantity) as Quantity }))
  const { numerator, denominator } = rate(book, of, counted).total
  return (numerator * 1_000_000n + denominator - 1n) / denominator
}

/** What the host was told of its own charges is recorded, and nothing else is. */
function checkCharges({ charges }: Account, rows: readonly UsageRow[], faults: string[]): void {
  const own = new Map(rows.filter(({ usageId }) => usageId.startsWith('host-')).map((row) => [row.usageId, row]))
  for (const [usageId, told] of charges) {
    const row = own.get(usageId)
    if (told && (row?.charged !== told.charged || row.shortfall !== told.shortfall))
      faults.push(`${usageId} was charged ${row?.charged}, the host was told ${told.charged} and ${told.shortfall} not paid`)
  }
  for (const usageId of own.keys()) if (!charges.has(usageId)) faults.push(`${usageId} was charged, and refused`)
}

/** The same over the API, in whole credits. */
async function checkApi(
  { box, url }: Checked,
  { accountId, keys: [key] }: Account,
  same: (what: string, told: unknown, recorded: unknown) => void,
  { balance, rows, entries }: { balance: bigint; rows: readonly UsageRow[]; entries: readonly JournalEntry[] },
): Promise<void> {
  if (key) await renew(box, accountId, key)
  const get = async (path: string) => {
    const response = await fetch(`${url}/api/v1/${path}`, { headers: { authorization: `Bearer ${key?.secret}` } })
    return response.json()
  }
  same('/credits', (await get('credits')).credit_balance, Number(balance >= 0n ? balance / MICRO : -wholeUp(-balance)))
  same('/usage', (await get('usage')).total_credits, wholeUp(sum(rows)))
  for (const { apiKeyId, prefix, previousPrefix } of await box.ledger.apiKeys(accountId)) {
    const due = wholeUp(sum(rows.filter((row) => row.apiKeyId === apiKeyId)))
    for (const one of [prefix, previousPrefix ?? prefix])
      same(`/usage/keys/${one}`, (await get(`usage/keys/${one}`)).total_credits, due)
  }
  let cursor: string | undefined
  let before = entries.length
  let running = balance
  do {
    const page = await get(`credits/statement?limit=1000${cursor === undefined ? '' : `&cursor=${cursor}`}`)
    for (const { sequence, balance: after, change } of page.entries) {
      same('/credits/statement', sequence, before--)
      same(`/credits/statement after ${sequence}`, signed(after), running)
      running -= signed(change)
    }
    cursor = page.next
  } while (cursor !== undefined)
  same('the length of /credits/statement', before, 0)
  same('the first balance of /credits/statement', running, 0n)
}

/** Gives a key a new secret if somebody rotated it whose answer was lost: the secret that is known ends a day later. */
async function renew({ ledger }: Checked['box'], accountId: string, key: Account['keys'][number]): Promise<void> {
  if ((await ledger.apiKey(key.prefix))?.prefix === key.prefix) return
  const { secret, prefix } = await ledger.rotateApiKey({ accountId, apiKeyId: key.apiKeyId })
  Object.assign(key, { secret, prefix })
}

const MICRO = 1_000_000n

/** Whole credits, rounded up for what was charged. */
function wholeUp(amount: bigint): number {
  return Number(amount > 0n ? (amount + MICRO - 1n) / MICRO : amount / MICRO)
}

function sum(items: Iterable<{ charged: bigint }>): bigint {
  return [...items].reduce((total, { charged }) => total + charged, 0n)
}
