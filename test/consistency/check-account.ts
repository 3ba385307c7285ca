import { credits, type Quantity, quantity, type UsageQuantity } from '@farebox/core'
import type { UsageRow, WorkflowSummary } from '@farebox/ledger'
import { exportUsage } from '@farebox/ledger/export'
import { type PriceBook, rate } from '@farebox/pricing'
import type { Farebox } from 'farebox'
import type { Account } from './account.ts'
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
  const workflows = await workflowsOf(box, account, rows)

  const buckets = await bucketsOf(box, account, faults)
  const spent = [...buckets].filter(([bucket]) => bucket.startsWith('spent')).reduce((total, [, amount]) => total + amount, 0n)
  same('the statement', spent, charged)
  if (!account.mayOwe) {
    const left = (buckets.get('available') ?? 0n) + (buckets.get('held') ?? 0n)
    if (left !== balance.balance) faults.push(`the balance is ${balance.balance}, by the statement ${left}`)
  }

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
  let exported = 0n
  for await (const text of exportUsage(box.ledger, { format: 'jsonl', accountId }))
    for (const line of text.split('\n').filter(Boolean)) exported += signed(JSON.parse(line).credits_charged)
  same('the export', exported, charged)

  await checkApi(url, account, same, { balance: balance.balance, charged })
  checkWorkflows(account, { rows, workflows, terms }, faults)
  checkRequests(account, { rows, workflows }, faults)
  checkRecords(account, rows, terms, faults)
  if (balance.held === 0n) await checkBudgets(box, account, rows, faults)
  const { mismatches } = await box.ledger.verify(accountId)
  for (const { kind, at } of mismatches) faults.push(`${kind} at ${at}`)
  return faults.map((fault) => `${accountId}: ${fault}`)
}

/** The statement, bucket by bucket. */
async function bucketsOf(box: Farebox, { accountId, mayOwe }: Account, faults: string[]): Promise<Map<string, bigint>> {
  const buckets = new Map<string, bigint>()
  const { items } = await box.ledger.statement(accountId, { limit: 1_000_000 })
  for (const { postings, sequence } of items.toReversed()) {
    let entry = 0n
    for (const [bucket, amount] of postings) {
      entry += amount
      buckets.set(bucket, (buckets.get(bucket) ?? 0n) + amount)
    }
    if (entry !== 0n) faults.push(`entry ${sequence} sums to ${entry}`)
    if (!mayOwe && (buckets.get('available') ?? 0n) < 0n) faults.push(`less than nothing is available after entry ${sequence}`)
  }
  return buckets
}

async function workflowsOf(box: Farebox, account: Account, rows: readonly UsageRow[]): Promise<Map<string, WorkflowSummary>> {
  const ids = new Set([...rows.flatMap(({ workflowId }) => workflowId ?? []), ...account.told.keys()])
  const summaries = new Map<string, WorkflowSummary>()
  for (const id of ids) {
    const summary = await box.ledger.workflow(account.accountId, id).catch(() => undefined)
    if (summary) summaries.set(id, summary)
  }
  return summaries
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
    if (maxCredits !== null && account.adjusted.size === 0 && spent + held > maxCredits)
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
  for (const [usageId, refunded] of account.refunded) {
    const back = -sum(corrections.get(usageId) ?? [])
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

/** While nothing is held, budgets have used what was charged in their windows. */
async function checkBudgets(box: Farebox, { accountId }: Account, rows: readonly UsageRow[], faults: string[]): Promise<void> {
  const byId = new Map(rows.map((row) => [row.usageId, row]))
  for (const budget of await box.ledger.currentBudgets(accountId)) {
    const { budgetId, used, createdAt, windowStart } = budget
    const counted = rows.filter(({ corrects, ...row }) => {
      const first = (corrects === null ? undefined : byId.get(corrects)) ?? row
      const isOf = (['userId', 'apiKeyId', 'service'] as const).every((key) => budget[key] === null || budget[key] === row[key])
      return isOf && first.createdAt > createdAt && first.createdAt >= windowStart
    })
    if (rows.some((row) => row.createdAt === createdAt)) continue
    if (used !== sum(counted)) faults.push(`budget ${budgetId} has used ${used}, its records ${sum(counted)}`)
  }
}

/** The same over the API, in whole credits. */
async function checkApi(
  url: string,
  { keys: [key] }: Account,
  same: (what: string, told: unknown, recorded: unknown) => void,
  { balance, charged }: { balance: bigint; charged: bigint },
): Promise<void> {
  const get = async (path: string) => {
    const response = await fetch(`${url}/api/v1/${path}`, { headers: { authorization: `Bearer ${key?.secret}` } })
    return response.json()
  }
  same('/credits', (await get('credits')).credit_balance, Number(balance >= 0n ? balance / MICRO : -wholeUp(-balance)))
  same('/usage', (await get('usage')).total_credits, wholeUp(charged))
  const { entries } = await get('credits/statement?limit=1000')
  for (const [index, { balance: after }] of entries.entries()) {
    const newer = entries[index - 1]
    if (newer) same('/credits/statement', signed(after), signed(newer.balance) - signed(newer.change))
  }
}

const MICRO = 1_000_000n

/** Whole credits, rounded up for what was charged. */
function wholeUp(amount: bigint): number {
  return Number(amount > 0n ? (amount + MICRO - 1n) / MICRO : amount / MICRO)
}

function signed(amount: string): bigint {
  return amount.startsWith('-') ? -credits(amount.slice(1)) : credits(amount)
}

function sum(items: Iterable<{ charged: bigint }>): bigint {
  return [...items].reduce((total, { charged }) => total + charged, 0n)
}
