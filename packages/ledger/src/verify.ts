import { entryHash, GENESIS_HASH } from './machine/journal.ts'
import type { TableName } from './rows.ts'
import type { RowsOf } from './rows-query.ts'

/** Something that does not add up. */
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
    | 'rollup'
  /** Which row: an entry's sequence, a grant's or workflow's id, a service. */
  at: string
  expected: string
  found: string
}

export interface VerifyReport {
  accountId: string
  entries: number
  usageRecords: number
  mismatches: Mismatch[]
}

/** Reads all rows that one account has in a table. */
export type ReadAll = <Name extends TableName>(table: Name) => Promise<RowsOf<Name>>

/** Replays one account: its hash chain, the balance of each entry, and every sum that is kept beside the journal. */
export async function verifyAccount(accountId: string, read: ReadAll): Promise<VerifyReport> {
  const mismatches: Mismatch[] = []
  const expect = (kind: Mismatch['kind'], at: string, expected: unknown, found: unknown): void => {
    if (expected !== found) mismatches.push({ kind, at, expected: String(expected), found: String(found) })
  }

  const [account] = await read('accounts')
  const journal = (await read('journal')).sort((a, b) => a.sequence - b.sequence)
  const usage = await read('usage_records')
  if (!account) {
    mismatches.push({ kind: 'account_missing', at: accountId, expected: 'an account', found: 'none' })
    return { accountId, entries: journal.length, usageRecords: usage.length, mismatches }
  }

  const buckets = new Map<string, bigint>()
  let previous = GENESIS_HASH
  journal.forEach((entry, index) => {
    expect('sequence_gap', String(index + 1), index + 1, entry.sequence)
    expect('hash_broken', String(entry.sequence), entryHash(previous, entry), entry.hash)
    previous = entry.hash
    expect('entry_unbalanced', String(entry.sequence), 0n, sum(entry.postings.map(([, amount]) => amount)))
    for (const [bucket, amount] of entry.postings) buckets.set(bucket, (buckets.get(bucket) ?? 0n) + amount)
  })
  expect('head_broken', accountId, previous, account.chainHash)
  expect('head_broken', accountId, journal.length, account.sequence)

  const grants = await read('grants')
  const holds = await read('holds')
  const open = holds.filter(({ state }) => state === 'open')
  const bucket = (name: string): bigint => buckets.get(name) ?? 0n
  expect('balance', accountId, bucket('available') + bucket('held'), account.posted)
  expect('held', accountId, bucket('held'), account.held)
  expect('held', 'open holds', sum(open.map(({ remaining }) => remaining)), account.held)
  const spendable = grants.filter(({ state }) => state !== 'pending')
  expect('grants', accountId, sum(spendable.map(({ remaining }) => remaining)) - account.debt, account.posted)
  expect(
    'grants',
    'pending',
    bucket('pending'),
    sum(grants.filter(({ state }) => state === 'pending').map((grant) => grant.remaining)),
  )

  const pins = new Map<string, bigint>()
  for (const { lots } of open) for (const { grantId, amount } of lots) pins.set(grantId, (pins.get(grantId) ?? 0n) + amount)
  for (const grant of grants) expect('pins', grant.grantId, pins.get(grant.grantId) ?? 0n, grant.pinned)
  expect('pins', 'credit line', pins.get('') ?? 0n, account.creditHeld)

  for (const service of new Set(usage.map((record) => record.service))) {
    const records = usage.filter((record) => record.service === service)
    expect('usage', service, bucket(`spent:${service}`), sum(records.map(({ charged }) => charged)))
    expect('usage', service, bucket(`shortfall:${service}`), sum(records.map(({ shortfall }) => shortfall)))
  }
  for (const record of usage) expect('usage', record.usageId, record.charged, sum(record.lots.map(({ amount }) => amount)))

  for (const workflow of await read('workflows')) {
    const records = usage.filter(({ workflowId }) => workflowId === workflow.workflowId)
    expect(
      'workflow',
      workflow.workflowId,
      sum(records.map(({ charged }) => charged)),
      sum(workflow.lines.map(({ charged }) => charged)),
    )
  }
  const rollups = await read('usage_rollups')
  expect('rollup', 'records', BigInt(usage.length), sum(rollups.map(({ records }) => records)))
  expect('rollup', 'charged', sum(usage.map(({ charged }) => charged)), sum(rollups.map(({ charged }) => charged)))
  expect('rollup', 'quantity', sum(usage.map(({ quantity }) => quantity)), sum(rollups.map(({ quantity }) => quantity)))
  return { accountId, entries: journal.length, usageRecords: usage.length, mismatches }
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n)
}
