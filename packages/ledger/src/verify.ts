import { isTakenBack, uncountedOf } from './machine/corrections.ts'
import { getOrInsert } from './machine/get-or-insert.ts'
import { decodeEntry, entryHash, GENESIS_HASH } from './machine/journal.ts'
import { CREDIT_LINE } from './machine/lots.ts'
import { refundIdOf } from './machine/return-lots.ts'
import { RollupSums } from './machine/rollup-sums.ts'
import type { Rows, UsageRow, WorkflowLine, WorkflowRow } from './rows.ts'
import { CARRY, tables } from './tables.ts'
import type { UnreadableRowError } from './unreadable-row.ts'
import { budgetRanges } from './verify-budgets.ts'

/** Two values that should be equal and are not. */
export interface Mismatch {
  kind:
    | 'account_missing'
    | 'sequence_gap'
    | 'hash_broken'
    | 'head_broken'
    | 'entry_unbalanced'
    | 'balance'
    | 'held'
    | 'grants'
    | 'pins'
    | 'usage'
    | 'workflow'
    | 'budget'
    | 'rollup'
    | 'row_unreadable'
  /**
   * Where it was found: an entry's sequence, the id of a grant, a workflow or a budget, or a service. For `row_unreadable`, which
   * ends the verification, the column.
   */
  at: string
  expected: string
  found: string
}

/** The result of replaying an account. */
export interface VerifyReport {
  accountId: string
  entries: number
  usageRecords: number
  mismatches: Mismatch[]
}

/** The tables that {@link verifyAccount} reads. */
export const verifiedTables = [
  'accounts',
  'journal',
  'usage_records',
  'grants',
  'holds',
  'workflows',
  'usage_rollups',
  'workflow_rollups',
  'budgets',
] as const

/** All rows of one account in these tables, as of one moment. */
export type AccountRows = { readonly [Name in (typeof verifiedTables)[number]]: readonly Rows[Name][] }

/** Replays one account. Checks its hash chain, that each entry balances, and every sum that is stored besides the journal. */
export function verifyAccount(accountId: string, rows: AccountRows): VerifyReport {
  const mismatches: Mismatch[] = []
  const expect: Expect = (kind, at, expected, found) => {
    if (expected !== found) mismatches.push({ kind, at, expected: String(expected), found: String(found) })
  }
  const [account] = rows.accounts
  if (account) {
    const { buckets, repaid, setAt } = verifyJournal(rows, expect)
    verifyBalance(rows, buckets, expect)
    verifyGrants(rows, repaid, expect)
    verifyPins(rows, expect)
    const corrections = correctionsOf(rows.usage_records)
    verifyUsage(rows, buckets, expect)
    verifyHolds(rows, corrections, expect)
    verifyWorkflows(rows, corrections, expect)
    verifyRollups(rows, expect)
    verifyBudgets(rows, setAt, expect)
  } else expect('account_missing', accountId, 'an account', 'none')
  return { accountId, entries: rows.journal.length, usageRecords: rows.usage_records.length, mismatches }
}

/** The report on an account with a row that cannot be read. */
export function unreadableAccount(accountId: string, { column, cause }: UnreadableRowError): VerifyReport {
  const found = cause instanceof Error ? cause.message : String(cause)
  const mismatch: Mismatch = { kind: 'row_unreadable', at: column, expected: 'what the ledger wrote', found }
  return { accountId, entries: 0, usageRecords: 0, mismatches: [mismatch] }
}

type Expect = (kind: Mismatch['kind'], at: string, expected: unknown, found: unknown) => void

/** What the journal says. */
interface Journaled {
  /** The balance of each bucket. */
  buckets: Map<string, bigint>
  /** The debt that each grant repaid. */
  repaid: Map<string, bigint>
  /** The sequence of the newest change of each budget. */
  setAt: Map<string, number>
}

/** Checks the hash chain, and that each entry balances. */
function verifyJournal({ accounts: [account], journal }: AccountRows, expect: Expect): Journaled {
  const buckets = new Map<string, bigint>()
  const repaid = new Map<string, bigint>()
  const setAt = new Map<string, number>()
  let previous = GENESIS_HASH
  for (const [index, entry] of journal.toSorted((a, b) => a.sequence - b.sequence).entries()) {
    expect('sequence_gap', String(index + 1), index + 1, entry.sequence)
    expect('hash_broken', String(entry.sequence), entryHash(previous, entry), entry.hash)
    previous = entry.hash
    const { postings, outcome } = decodeEntry(entry)
    addRepaid(repaid, outcome)
    if (entry.verb === 'setBudget') setAt.set(String((outcome as { budgetId?: unknown } | null)?.budgetId), entry.sequence)
    expect(
      'entry_unbalanced',
      String(entry.sequence),
      0n,
      sum(postings, ([, amount]) => amount),
    )
    for (const [bucket, amount] of postings) add(buckets, bucket, amount)
  }
  expect('head_broken', 'newest hash', previous, account?.chainHash)
  expect('head_broken', 'entries', journal.length, account?.sequence)
  return { buckets, repaid, setAt }
}

/** Adds what a grant repaid when it was made, began or expired. An outcome that was tampered with may be anything. */
function addRepaid(repaid: Map<string, bigint>, outcome: unknown): void {
  const { grantId, repaid: amount } = (outcome ?? {}) as Record<string, unknown>
  if (typeof grantId === 'string' && typeof amount === 'string' && /^\d+$/.test(amount)) add(repaid, grantId, BigInt(amount))
}

function verifyBalance({ accounts: [account], grants, holds }: AccountRows, buckets: Map<string, bigint>, expect: Expect): void {
  if (!account) return
  const bucket = (name: string): bigint => buckets.get(name) ?? 0n
  const pending = grants.filter(({ state }) => state === 'pending')
  const begun = grants.filter(({ state }) => state !== 'pending')
  const open = holds.filter(({ state }) => state === 'open')
  expect('balance', 'journal', bucket('available') + bucket('held'), account.posted)
  expect('held', 'journal', bucket('held'), account.held)
  expect(
    'held',
    'open holds',
    sum(open, ({ remaining }) => remaining),
    account.held,
  )
  expect('grants', 'begun', sum(begun, ({ remaining }) => remaining) - account.debt, account.posted)
  expect(
    'grants',
    'pending',
    bucket('pending'),
    sum(pending, ({ remaining }) => remaining),
  )
  expect(
    'grants',
    'granted',
    -bucket('granted'),
    sum(grants, ({ amount }) => amount),
  )
}

/**
 * Checks what was spent of each grant against the lots of usage records and the debt that it repaid. What a refund could not give
 * back to a grant is in a grant of its own. A grant that was charged back takes no part in refunds, so its lots say less.
 */
function verifyGrants({ grants, usage_records: usage }: AccountRows, repaid: Map<string, bigint>, expect: Expect): void {
  const byId = new Map(grants.map((grant) => [grant.grantId, grant]))
  const spent = new Map(repaid)
  for (const { usageId, corrects, lots } of usage) {
    for (const [index, { grantId, amount }] of lots.entries()) {
      const regranted = corrects === null ? undefined : byId.get(refundIdOf(usageId, index + 1))
      add(spent, grantId, amount + (regranted?.amount ?? 0n))
    }
  }
  for (const { grantId, state, amount, remaining, gone } of grants) {
    if (state !== 'charged_back') expect('grants', `${grantId} spent`, spent.get(grantId) ?? 0n, amount - remaining - gone)
  }
}

/** Checks the lots of holds against what grants and the credit line have set aside for them. */
function verifyPins({ accounts: [account], grants, holds }: AccountRows, expect: Expect): void {
  const pins = new Map<string, bigint>()
  for (const hold of holds) {
    expect(
      'pins',
      hold.holdId,
      hold.remaining,
      sum(hold.lots, ({ amount }) => amount),
    )
    for (const { grantId, amount } of hold.lots) add(pins, grantId, amount)
  }
  for (const grant of grants) expect('pins', grant.grantId, pins.get(grant.grantId) ?? 0n, grant.pinned)
  expect('pins', 'credit line', pins.get(CREDIT_LINE) ?? 0n, account?.creditHeld)
}

/** Checks usage records against the journal. */
function verifyUsage({ usage_records: usage }: AccountRows, buckets: Map<string, bigint>, expect: Expect): void {
  const recorded = new Map<string, bigint>()
  for (const record of usage) {
    const { usageId, service, charged, shortfall, lots } = record
    expect(
      'usage',
      usageId,
      charged,
      sum(lots, ({ amount }) => amount),
    )
    add(recorded, `spent:${service}`, charged)
    add(recorded, `shortfall:${service}`, shortfall)
  }
  const journaled = [...buckets.keys()].filter((name) => name.startsWith('spent:') || name.startsWith('shortfall:'))
  for (const name of new Set([...journaled, ...recorded.keys()])) {
    expect('usage', name, buckets.get(name) ?? 0n, recorded.get(name) ?? 0n)
  }
}

/** Checks the settled sums of holds against usage records. Usage that was taken back whole does not count. */
function verifyHolds({ usage_records: usage, holds }: AccountRows, corrections: Corrections, expect: Expect): void {
  const counted = usage.filter((record) => !isTakenBack(record, corrections.get(record.usageId) ?? []))
  const byHold = Map.groupBy(counted, ({ holdId }) => holdId)
  for (const hold of holds) {
    for (const name of ['rated', 'charged', 'shortfall'] as const) {
      const settled = sum(byHold.get(hold.holdId) ?? [], (record) => record[name])
      expect('usage', `${hold.holdId} ${name}`, settled, hold[name])
    }
  }
}

/** The corrections of each corrected record, by its usage id. */
type Corrections = ReadonlyMap<string, readonly UsageRow[]>

function correctionsOf(usage: readonly UsageRow[]): Corrections {
  const corrections = new Map<string, UsageRow[]>()
  for (const record of usage) if (record.corrects !== null) getOrInsert(corrections, record.corrects, () => []).push(record)
  return corrections
}

/** Checks receipts against usage records, and envelopes against what is spent and held in and below them. */
function verifyWorkflows(
  { workflows, usage_records: usage, holds }: AccountRows,
  corrections: Corrections,
  expect: Expect,
): void {
  const byId = new Map(workflows.map((workflow) => [workflow.workflowId, workflow]))
  const lines = new Map<string, bigint>()
  const spent = new Map<string, bigint>()
  const held = new Map<string, bigint>()
  const upwards = (sums: Map<string, bigint>, workflowId: string | null, amount: bigint): void => {
    let next: WorkflowRow | undefined = byId.get(workflowId ?? '')
    for (; next; next = byId.get(next.parentId ?? '')) add(sums, next.workflowId, amount)
  }
  const nameOf = (workflowId: string, { service, provider, unit }: Pick<WorkflowLine, 'service' | 'provider' | 'unit'>): string =>
    [workflowId, service, provider, unit].join('\0')
  const addTo = (line: string, amounts: Record<string, bigint>): void => {
    for (const [name, amount] of Object.entries(amounts)) add(lines, `${line}\0${name}`, amount)
  }
  for (const record of usage) {
    const { workflowId, charged, shortfall, rated, quantity } = record
    if (workflowId === null) continue
    upwards(spent, workflowId, charged)
    addTo(nameOf(workflowId, record), { charged, shortfall, rated, quantity })
  }
  for (const record of usage) {
    const of = corrections.get(record.usageId)
    if (of === undefined || record.workflowId === null) continue
    const { rated, billed } = uncountedOf(record, of)
    addTo(nameOf(record.workflowId, record), { 'uncounted rated': rated, 'uncounted billed': billed })
  }
  for (const { workflowId, state, remaining } of holds) if (state === 'open') upwards(held, workflowId, remaining)

  for (const workflow of workflows) {
    const { workflowId } = workflow
    expect('workflow', workflowId, spent.get(workflowId) ?? 0n, workflow.spent)
    expect('workflow', workflowId, held.get(workflowId) ?? 0n, workflow.held)
    for (const row of workflow.lines) {
      const { service, provider, charged, shortfall, rated, quantity } = row
      const line = nameOf(workflowId, row)
      const uncounted = { 'uncounted rated': row.uncounted?.rated ?? 0n, 'uncounted billed': row.uncounted?.billed ?? 0n }
      for (const [name, amount] of Object.entries({ charged, shortfall, rated, quantity, ...uncounted })) {
        expect('workflow', `${workflowId} ${service} ${provider} ${name}`, lines.get(`${line}\0${name}`) ?? 0n, amount)
        lines.delete(`${line}\0${name}`)
      }
    }
  }
  for (const [line, amount] of lines) expect('workflow', line.replaceAll('\0', ' '), amount, 0n)
}

/** Checks that what each budget has used is possible by holds and usage records. */
function verifyBudgets(rows: AccountRows, setAt: ReadonlyMap<string, number>, expect: Expect): void {
  for (const { budget, least, most } of budgetRanges(rows, setAt)) {
    const { budgetId, used } = budget
    const isPossible = used >= least && used <= most
    expect('budget', budgetId, isPossible ? used : least === most ? least : `${least} to ${most}`, used)
  }
}

/** Checks the rollups that breakdowns read against usage records and workflows, by hour and day and in every dimension. */
function verifyRollups(rows: AccountRows, expect: Expect): void {
  const byId = new Map(rows.workflows.map((workflow) => [workflow.workflowId, workflow]))
  const usage = new RollupSums('usage_rollups')
  const workflows = new RollupSums('workflow_rollups')
  const none = { opened: 0n, closed: 0n, durationMs: 0n, charged: 0n }
  for (const record of rows.usage_records) {
    const { service, provider, unit, quantity, charged, shortfall, createdAt } = record
    const workflow = byId.get(record.workflowId ?? '')
    const whose = whoseOf(record, workflow?.name)
    const counts = { records: record.corrects === null ? 1n : 0n, quantity, charged, shortfall, cost: record.cost ?? 0n }
    usage.add(createdAt, { ...whose, service, provider, unit, ...counts })
    if (workflow) workflows.add(createdAt, { ...whose, ...none, charged })
  }
  for (const workflow of rows.workflows) {
    const { name, createdAt, closedAt } = workflow
    const whose = whoseOf(workflow, name)
    workflows.add(createdAt, { ...whose, ...none, opened: 1n })
    if (closedAt !== null) workflows.add(closedAt, { ...whose, ...none, closed: 1n, durationMs: BigInt(closedAt - createdAt) })
  }
  compareRollups('usage_rollups', usage.rows, rows.usage_rollups, expect)
  compareRollups('workflow_rollups', workflows.rows, rows.workflow_rollups, expect)
}

function whoseOf(
  { accountId, apiKeyId, userId }: Pick<WorkflowRow, 'accountId' | 'apiKeyId' | 'userId'>,
  workflowName = '',
): Pick<Rows['workflow_rollups'], 'accountId' | 'workflowName' | 'apiKeyId' | 'userId'> {
  return { accountId, workflowName, apiKeyId: apiKeyId ?? '', userId: userId ?? '' }
}

/** Compares each counter in two lists of rollups. A missing one counts as zero. */
function compareRollups(
  name: 'usage_rollups' | 'workflow_rollups',
  expected: readonly object[],
  found: readonly object[],
  expect: Expect,
): void {
  const sums = new Map<string, [expected: bigint, found: bigint]>()
  const { columns } = tables[name]
  const dimensions = columns.filter(({ type, property }) => type !== 'bigint' && property !== 'accountId')
  const carriers = new Map(columns.map(({ property, carriesTo }) => [carriesTo, property]))
  const counters = columns.filter(({ type }) => type === 'bigint')
  for (const [which, rollups] of [expected, found].entries()) {
    for (const rollup of rollups as readonly Record<string, unknown>[]) {
      const where = dimensions.map(({ property }) => rollup[property]).join('\0')
      for (const { property } of counters) {
        const carrier = carriers.get(property)
        const pair = getOrInsert(sums, `${where}\0${carrier ?? property}`, (): [bigint, bigint] => [0n, 0n])
        pair[which as 0 | 1] += (rollup[property] as bigint) * (carrier === undefined ? 1n : CARRY)
      }
    }
  }
  for (const [at, pair] of sums) expect('rollup', at.replaceAll('\0', ' '), ...pair)
}

function add(sums: Map<string, bigint>, name: string, amount: bigint): void {
  sums.set(name, (sums.get(name) ?? 0n) + amount)
}

function sum<Item>(items: readonly Item[], amountOf: (item: Item) => bigint): bigint {
  return items.reduce((total, item) => total + amountOf(item), 0n)
}
