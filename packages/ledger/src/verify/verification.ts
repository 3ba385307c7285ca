import { isTakenBack, uncountedOf } from '../machine/corrections.ts'
import { getOrInsert } from '../machine/get-or-insert.ts'
import type { AccountRow, BudgetRow, GrantRow, HoldRow, UsageRow } from '../rows.ts'
import { BudgetBounds } from './budget-bounds.ts'
import { GrantCheck } from './grant-check.ts'
import { JournalReplay } from './journal-replay.ts'
import { Findings, type VerifyReport } from './report.ts'
import { RollupCheck } from './rollup-check.ts'
import { rowsOf, type Scan, scan, type VerifiedTable } from './scan.ts'
import { add, sum } from './sums.ts'
import { UsagePrint } from './usage-print.ts'
import { WorkflowCheck } from './workflow-check.ts'
import { ENTRIES_OF_WORKFLOWS, WorkflowTerms } from './workflow-terms.ts'

/**
 * Journal entries per part. A verification remembers some hundreds of bytes of each workflow and hold, so it goes through those of
 * a large account in several parts, and reads its usage once for each.
 */
const ENTRIES_OF_PART = 1_000_000
/** How many entries a scan looks at that wants few of them. It may find none, and so has no pages between which others get their turn. */
const ENTRIES_OF_SCAN = 10_000

/**
 * Replays one account. Checks its hash chain, that each entry balances, and every sum that is stored besides the journal. Yields
 * what it has to read, a table at a time. Besides grants, corrections, rollups and workflows with children, it remembers only one part
 * of an account's rows.
 */
export function* verification(accountId: string, entriesOfPart = ENTRIES_OF_PART): Generator<Scan, VerifyReport, void> {
  const findings = new Findings()
  const [account] = yield* rowsOf('accounts')
  if (!account) {
    findings.expect('account_missing', accountId, 'an account', 'none')
    const [entries, usageRecords] = [yield* countOf('journal'), yield* countOf('usage_records')]
    return { accountId, entries, usageRecords, mismatches: findings.mismatches }
  }
  const journal = new JournalReplay(findings)
  yield scan({
    table: 'holds',
    where: `state = 'open'`,
    each: (hold) => hold.state === 'open' && journal.terms.addOpenHold(hold),
  })
  yield scan({ table: 'journal', orderBy: 'sequence', each: (entry) => journal.add(entry) })
  const parts = Math.ceil(journal.entries / entriesOfPart) || 1
  const usageRecords = yield* verifyRows(account, journal, findings, parts)
  return { accountId, entries: journal.entries, usageRecords, mismatches: findings.mismatches }
}

function* countOf(table: VerifiedTable): Generator<Scan, number, void> {
  let count = 0
  yield scan({ table, each: () => void count++ })
  return count
}

/** Checks the rows of the other tables, and returns how many usage records there are. */
function* verifyRows(
  account: AccountRow,
  journal: JournalReplay,
  findings: Findings,
  parts: number,
): Generator<Scan, number, void> {
  journal.end(account)
  const grants = yield* rowsOf('grants')
  verifyBalance(account, grants, journal, findings)
  const corrections = new Map<string, Amounts[]>()
  yield scan({
    table: 'usage_records',
    where: 'corrects IS NOT NULL',
    each({ corrects, rated, charged, shortfall }) {
      if (corrects !== null) getOrInsert(corrections, corrects, () => []).push({ rated, charged, shortfall })
    },
  })
  const isCorrected = (usageId: string) => corrections.has(usageId)
  const budgetRows = yield* rowsOf('budgets')
  yield* verifyTerms(account, grants, budgetRows, journal)
  const budgets = new BudgetBounds(budgetRows, journal.setAt, isCorrected)
  const workflows = yield* knowParents(findings)
  const lots = new GrantCheck(grants, journal.repaid, findings)
  const spending = new SpendingCheck(findings)
  const rollups = new RollupCheck()
  let openHeld = 0n

  for (let part = 0; part < parts; part++) {
    const isOfPart = (id: string) => parts === 1 || partOf(id, parts) === part
    const holds = new Map<string, Amounts>()
    const workflowTerms = new WorkflowTerms(findings)
    for (let from = 0; from < journal.entries; from += ENTRIES_OF_SCAN) {
      const where = `${ENTRIES_OF_WORKFLOWS} AND sequence > ${from} AND sequence <= ${from + ENTRIES_OF_SCAN}`
      yield scan({ table: 'journal', where, each: (entry) => workflowTerms.add(entry, isOfPart) })
    }
    yield scan({ table: 'workflows', each: (row) => isOfPart(row.workflowId) && workflows.add(row) })
    yield scan({
      table: 'holds',
      where: `state = 'open'`,
      each: (hold) => hold.state === 'open' && isOfPart(ownerOf(hold)) && workflows.addOpenHold(hold),
    })
    yield scan({
      table: 'usage_records',
      without: part === 0 ? [] : ['lots', 'details'],
      each(record) {
        if (part === 0) {
          spending.add(record)
          lots.addUsage(record)
        }
        const { workflowId, holdId, usageId } = record
        if (!isOfPart(workflowId ?? holdId ?? usageId)) return
        const changes = corrections.get(usageId)
        workflows.addUsage(record, changes && uncountedOf(record, changes))
        if (holdId !== null && !isTakenBack(record, changes ?? [])) addAmounts(getOrInsert(holds, holdId, noAmounts), record)
        rollups.addUsage(record, workflows.known(workflowId))
        if (!budgets.isEmpty)
          budgets.addUsage(
            record,
            [...workflows.upwards(workflowId)].filter(({ reserve }) => reserve !== null),
          )
      },
    })
    yield scan({
      table: 'holds',
      each(hold) {
        if (!isOfPart(ownerOf(hold))) return
        if (hold.state === 'open') openHeld += hold.remaining
        lots.addHold(hold)
        budgets.addHold(hold)
        const settled = holds.get(hold.holdId) ?? NO_AMOUNTS
        for (const name of amountNames) findings.expect('usage', () => `${hold.holdId} ${name}`, settled[name], hold[name])
      },
    })
    yield scan({
      table: 'workflows',
      each(row) {
        if (!isOfPart(row.workflowId)) return
        workflows.check(row)
        workflowTerms.check(row)
        rollups.addWorkflow(row)
      },
    })
    workflows.endPart()
    budgets.endPart()
  }

  findings.expect('held', 'open holds', openHeld, account.held)
  lots.end(account)
  spending.end(journal)
  workflows.end()
  budgets.end(findings)
  for (const table of ['usage_rollups', 'workflow_rollups'] as const) {
    const comparison = rollups.of(table)
    yield scan({ table, each: (row) => comparison.found(row) })
    comparison.end(findings)
  }
  return spending.records
}

/** Learns of the workflows that have children. */
function* knowParents(findings: Findings): Generator<Scan, WorkflowCheck, void> {
  const parentIds = new Set<string>()
  yield scan({ table: 'workflows', each: ({ parentId }) => parentId !== null && parentIds.add(parentId) })
  const workflows = new WorkflowCheck(parentIds, findings)
  if (parentIds.size > 0) yield scan({ table: 'workflows', each: (row) => workflows.addParent(row) })
  return workflows
}

function verifyBalance(account: AccountRow, grants: readonly GrantRow[], journal: JournalReplay, findings: Findings): void {
  const remaining = (rows: readonly GrantRow[]) => sum(rows, (grant) => grant.remaining)
  const pending = grants.filter(({ state }) => state === 'pending')
  const begun = grants.filter(({ state }) => state !== 'pending')
  findings.expect('balance', 'journal', journal.bucket('available') + journal.bucket('held'), account.posted)
  findings.expect('held', 'journal', journal.bucket('held'), account.held)
  findings.expect('grants', 'begun', remaining(begun) - account.debt, account.posted)
  findings.expect('grants', 'pending', journal.bucket('pending'), remaining(pending))
  const granted = sum(grants, ({ amount }) => amount)
  findings.expect('grants', 'granted', -journal.bucket('granted'), granted)
}

/** Checks what was agreed: limits, budgets, the terms of grants and open holds, API keys. */
function* verifyTerms(
  account: AccountRow,
  grants: readonly GrantRow[],
  budgets: readonly BudgetRow[],
  { terms }: JournalReplay,
): Generator<Scan, void, void> {
  terms.endAccount(account, grants)
  terms.endGrants(grants)
  terms.endHolds()
  terms.endBudgets(budgets)
  const keys = new Set<string>()
  yield scan({
    table: 'api_keys',
    each(key) {
      keys.add(key.apiKeyId)
      terms.addKey(key)
    },
  })
  terms.endKeys(keys)
}

/** Checks usage records against their lots and the journal. */
class SpendingCheck {
  readonly #findings: Findings
  readonly #recorded = new Map<string, bigint>()
  readonly #print = new UsagePrint()
  #records = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  get records(): number {
    return this.#records
  }

  add(record: UsageRow): void {
    const { usageId, service, charged, shortfall, lots } = record
    this.#records += 1
    this.#print.addRecord(record)
    this.#findings.expect(
      'usage',
      usageId,
      charged,
      sum(lots, ({ amount }) => amount),
    )
    add(this.#recorded, `spent:${service}`, charged)
    add(this.#recorded, `shortfall:${service}`, shortfall)
  }

  end({ buckets, usage }: JournalReplay): void {
    this.#findings.expect('usage', 'ids, entries, times and amounts', usage.toString(), this.#print.toString())
    const journaled = [...buckets.keys()].filter((name) => name.startsWith('spent:') || name.startsWith('shortfall:'))
    for (const name of new Set([...journaled, ...this.#recorded.keys()])) {
      this.#findings.expect('usage', name, buckets.get(name) ?? 0n, this.#recorded.get(name) ?? 0n)
    }
  }
}

/** The amounts of a usage record that holds sum up. */
type Amounts = Pick<UsageRow, 'rated' | 'charged' | 'shortfall'>
const amountNames = ['rated', 'charged', 'shortfall'] as const
const NO_AMOUNTS = noAmounts()

function noAmounts(): Amounts {
  return { rated: 0n, charged: 0n, shortfall: 0n } as Amounts
}

function addAmounts(to: Record<keyof Amounts, bigint>, more: Amounts): void {
  for (const name of amountNames) to[name] += more[name]
}

/** What decides to which part a hold belongs: the same as for its usage. */
function ownerOf({ workflowId, holdId }: HoldRow): string {
  return workflowId ?? holdId
}

/** The part of an account that an id belongs to, by a hash that spreads ids evenly. */
function partOf(id: string, parts: number): number {
  let hash = 0
  for (let index = 0; index < id.length; index++) hash = (Math.imul(hash, 31) + id.charCodeAt(index)) | 0
  return (hash >>> 0) % parts
}
