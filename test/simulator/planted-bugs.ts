import { type BatchResult, type LoadReply, runBatch } from '../../packages/ledger/src/machine/batch.ts'
import type { Changes, LoadRequest } from '../../packages/ledger/src/machine/state.ts'
import { tables } from '../../packages/ledger/src/tables.ts'
import type { Choices } from '../model/choices.ts'
import type { MemoryDatabase } from './memory-database.ts'
import type { WorldOptions } from './world.ts'

/** Ways to lose money that the simulator must find: of the database, and of the machine. */
export const plantedBugs: Record<string, Pick<WorldOptions, 'run' | 'sabotage'>> = {
  'a commit that is reported and not kept': onWrite((write, _, choices) => (changes) => choices.happens(1) || write(changes)),
  'a commit that is torn: the account and its journal without the rest': onWrite((write, empty, choices) => (changes) => {
    write(choices.happens(1) ? { ...empty, accounts: changes.accounts, journal: changes.journal } : changes)
  }),
  'a commit that loses its grants': onWrite((write, _, choices) => (changes) => {
    write(choices.happens(3) ? { ...changes, grants: [] } : changes)
  }),
  'a commit whose counters are added twice': onWrite((write, empty, choices) => (changes) => {
    write(changes)
    if (choices.happens(3)) write({ ...empty, usage_rollups: changes.usage_rollups })
  }),
  'transactions that do not wait for each other': {
    sabotage(database) {
      const begin = database.begin.bind(database)
      database.begin = (accountIds) => Object.assign(begin(accountIds), { lock: () => true })
    },
  },
  'an account that is read as it was before': onLoad((load, choices) => {
    const before = new Map<string, object[]>()
    return (request) => {
      if (request.kind !== 'account') return load(request)
      const key = request.keys.join()
      const rows = choices.happens(2) ? (before.get(key) ?? load(request)) : load(request)
      before.set(key, structuredClone(rows))
      return rows
    }
  }),
  'holds that are never given back': onLoad((load) => (request) => (request.kind === 'firstHolds' ? [] : load(request))),
  'a micro-credit more than is due': onResult(({ outcomes }) => {
    for (const outcome of outcomes ?? [])
      if (outcome.status === 'charged' && !outcome.replayed) outcome.charged = plusOne(outcome.charged)
  }),
  'budgets that do not count': onResult(({ changes }) => {
    changes.budgets = changes.budgets.filter(({ used }) => used === 0n)
  }),
  'an account whose clock runs back': onResult(({ changes }) => {
    for (const account of changes.accounts) account.updatedAt -= 1_000_000
  }),
  'idempotency keys that are not kept': onResult(({ changes }) => {
    for (const entry of changes.journal) entry.idempotencyKey = null
  }),
  'usage that costs us nothing': onResult(({ changes }) => {
    for (const rollup of changes.usage_rollups) rollup.cost = 0n
  }),
}

type Write = (changes: Changes) => void
type Load = (request: LoadRequest) => object[]

function onWrite(spoil: (write: Write, empty: Changes, choices: Choices) => (changes: Changes) => unknown) {
  return {
    sabotage({ storage }: MemoryDatabase, choices: Choices) {
      const spoiled = spoil(storage.write.bind(storage), nothing(), choices)
      storage.write = (changes) => void spoiled(changes)
    },
  }
}

function onLoad(spoil: (load: Load, choices: Choices) => Load) {
  return {
    sabotage({ storage }: MemoryDatabase, choices: Choices) {
      storage.load = spoil(storage.load.bind(storage), choices)
    },
  }
}

function onResult(spoil: (result: BatchResult) => void) {
  return {
    *run(...operations: Parameters<typeof runBatch>): Generator<LoadRequest[], BatchResult, LoadReply> {
      const result = yield* runBatch(...operations)
      spoil(result)
      return result
    },
  }
}

function nothing(): Changes {
  return Object.fromEntries(Object.keys(tables).map((name) => [name, []])) as unknown as Changes
}

function plusOne<Amount extends bigint>(amount: Amount): Amount {
  return (amount + 1n) as Amount
}
