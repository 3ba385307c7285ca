import { decodeEntry, entryHash, GENESIS_HASH } from '../../packages/ledger/src/machine/journal.ts'
import type { Changes } from '../../packages/ledger/src/machine/state.ts'
import type { AccountRow, EntryRow, UsageRollupRow, UsageRow } from '../../packages/ledger/src/rows.ts'
import { CARRY } from '../../packages/ledger/src/tables.ts'
import { runInMemory } from '../../packages/ledger/src/verify/scan.ts'
import { verification } from '../../packages/ledger/src/verify/verification.ts'
import type { ReferenceLedger } from '../model/reference-ledger.ts'
import { sum } from '../model/reference-things.ts'
import type { MemoryStorage } from './memory-storage.ts'

interface Head {
  sequence: number
  hash: string
  updatedAt: number
  /** What the journal says is in each bucket. */
  buckets: Map<string, bigint>
}

/** What must be true of the rows after every commit, whoever else is at work. It keeps sums of its own, from what was written. */
export class Invariants {
  readonly #storage: MemoryStorage
  readonly #reference: ReferenceLedger
  readonly #heads = new Map<string, Head>()
  readonly #chargedBack = new Set<string>()
  readonly #rollups = new Map<string, Record<(typeof counters)[number], bigint>>()

  constructor(storage: MemoryStorage, reference: ReferenceLedger) {
    this.#storage = storage
    this.#reference = reference
  }

  /**
   * Looks at what one commit wrote, and at every sum that it is part of.
   *
   * @param isPart  it applied only a part of what was due, so that the accounts are not what they are to the reference
   */
  afterCommit(changes: Changes, { isPart = false } = {}): void {
    for (const entry of changes.journal.toSorted((a, b) => a.sequence - b.sequence)) this.#chain(entry)
    for (const record of changes.usage_records) this.#usage(record)
    for (const rollup of changes.usage_rollups) this.#rollup(rollup)
    for (const { used, budgetId } of changes.budgets) must(used >= 0n, `budget ${budgetId} is used by less than nothing`)
    for (const { maxCredits, spent, held, workflowId } of changes.workflows) {
      must(maxCredits === null || spent + held <= maxCredits, `workflow ${workflowId} is over its ceiling`)
      must(held >= 0n, `workflow ${workflowId} holds less than nothing`)
    }
    for (const account of changes.accounts) {
      this.#account(account)
      if (!isPart) this.#asReference(account)
    }
  }

  /** Recomputes everything that there is about every account. */
  afterAll(): void {
    for (const account of this.#storage.all('accounts')) {
      const { accountId } = account
      const { mismatches } = runInMemory(verification(accountId), (table) => this.#storage.of(table, accountId))
      const [first] = mismatches
      must(!first, `verify finds ${first?.kind} at ${first?.at} of ${accountId}: ${first?.expected} is ${first?.found}`)
      const head = this.#heads.get(accountId)
      must(head?.sequence === account.sequence && head.hash === account.chainHash, `${accountId} lost journal entries`)
    }
  }

  /** Entries follow each other without a gap, each over the hash of the one before, and each adds up to zero. */
  #chain(entry: EntryRow): void {
    const { accountId, sequence } = entry
    const head = this.#heads.get(accountId) ?? { sequence: 0, hash: GENESIS_HASH, updatedAt: 0, buckets: new Map() }
    must(sequence === head.sequence + 1, `entry ${sequence} of ${accountId} follows ${head.sequence}`)
    if (entry.verb === 'chargeback') this.#chargedBack.add(accountId)
    must(entry.hash === entryHash(head.hash, entry), `entry ${sequence} of ${accountId} is not chained to the one before`)
    must(entry.at >= head.updatedAt, `entry ${sequence} of ${accountId} is older than the one before`)
    const { postings } = decodeEntry(entry)
    must(sum(postings.map(([, amount]) => amount)) === 0n, `entry ${sequence} of ${accountId} does not add up to zero`)
    for (const [bucket, amount] of postings) head.buckets.set(bucket, (head.buckets.get(bucket) ?? 0n) + amount)
    this.#heads.set(accountId, { sequence, hash: entry.hash, updatedAt: entry.at, buckets: head.buckets })
  }

  #account(account: AccountRow): void {
    const { accountId, posted, held, debt, creditHeld, creditLimit, debtLimit } = account
    const head = this.#heads.get(accountId)
    const bucket = (name: string) => head?.buckets.get(name) ?? 0n
    must(bucket('available') + bucket('held') === posted, `the journal of ${accountId} has another balance`)
    must(bucket('held') === held, `the journal of ${accountId} has other holds`)
    must(held >= 0n && debt >= 0n, `${accountId} holds or owes less than nothing`)
    // What a reversed payment leaves behind may be any debt.
    if (!this.#chargedBack.has(accountId)) {
      must(posted - held + creditLimit + debtLimit >= 0n, `${accountId} has spent more than it may`)
      must(debt <= creditLimit + debtLimit, `${accountId} owes more than it may`)
    }

    const grants = this.#storage.peek('grants', accountId)
    const begun = grants.filter(({ state }) => state !== 'pending')
    must(
      posted === sum(begun.map(({ remaining }) => remaining)) - debt,
      `the grants of ${accountId} do not add up to its balance`,
    )
    const open = this.#storage.peek('openHolds', accountId)
    must(held === sum(open.map(({ remaining }) => remaining)), `the open holds of ${accountId} do not add up`)
    const pins = new Map<string, bigint>()
    for (const { holdId, lots, remaining } of open) {
      must(remaining === sum(lots.map(({ amount }) => amount)), `hold ${holdId} has not pinned what it holds`)
      for (const { grantId, amount } of lots) pins.set(grantId, (pins.get(grantId) ?? 0n) + amount)
    }
    must(creditHeld === (pins.get('') ?? 0n), `the credit line of ${accountId} is pinned by other than its holds`)
    for (const { grantId, pinned, remaining } of grants) {
      must(pinned === (pins.get(grantId) ?? 0n) && pinned <= remaining, `grant ${grantId} is pinned by other than its holds`)
    }
  }

  #asReference({ accountId, posted, held, debt }: AccountRow): void {
    const expected = this.#reference.accounts.get(accountId)
    must(
      expected?.balance === posted && expected.held === held && expected.debt === debt,
      `${accountId} has ${posted}, of it ${held} held, and the reference ${expected?.balance} and ${expected?.held}`,
    )
  }

  #usage(record: UsageRow): void {
    const { usageId, charged, shortfall, lots, rated, corrects } = record
    must(charged === sum(lots.map(({ amount }) => amount)), `usage ${usageId} was not drawn from its lots`)
    must(corrects !== null || (charged >= 0n && shortfall >= 0n && rated >= 0n), `usage ${usageId} is less than nothing`)
    const sums = this.#sums(record)
    sums.records += corrects === null ? 1n : 0n
    for (const name of ['quantity', 'charged', 'shortfall'] as const) sums[name] += record[name]
    sums.cost += record.cost ?? 0n
  }

  /** A rollup is the sum of the records under it; keyed coarsely, since records do not tell the name of their workflow. */
  #rollup(changed: UsageRollupRow): void {
    const rows = this.#storage
      .all('usage_rollups')
      .filter((row) => row.period === changed.period && rollupKey(row) === rollupKey(changed))
    const sums = this.#sums(changed)
    for (const name of counters) {
      const carried = (row: UsageRollupRow) => (name === 'quantity' ? row.quantityCarry : name === 'cost' ? row.costCarry : 0n)
      const found = sum(rows.map((row) => row[name] + carried(row) * CARRY))
      must(sums[name] === found, `the rollup of ${rollupKey(changed)} has ${found} ${name}, its records ${sums[name]}`)
    }
  }

  #sums(row: Pick<UsageRollupRow, 'accountId' | 'service' | 'provider' | 'unit'>): Record<(typeof counters)[number], bigint> {
    const key = rollupKey(row)
    const known = this.#rollups.get(key) ?? { records: 0n, quantity: 0n, charged: 0n, shortfall: 0n, cost: 0n }
    this.#rollups.set(key, known)
    return known
  }
}

const counters = ['records', 'quantity', 'charged', 'shortfall', 'cost'] as const

function rollupKey({
  accountId,
  service,
  provider,
  unit,
}: Pick<UsageRollupRow, 'accountId' | 'service' | 'provider' | 'unit'>): string {
  return `${accountId} ${service} ${provider} ${unit}`
}

export function must(isSo: boolean, problem: string | (() => string)): asserts isSo {
  if (!isSo) throw new Error(typeof problem === 'string' ? problem : problem())
}
