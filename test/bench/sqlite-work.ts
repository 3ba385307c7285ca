import { credits, quantity } from '@farebox/core'
import type { CommitReport, Ledger } from '@farebox/ledger'
import { longestStall, throughput } from './measure.ts'

export const ACCOUNTS = 10_000
export const HOT = 'one hot account'
export const COLD = '10,000 accounts'

export interface Load {
  callers: number
  operations: number
  accounts: typeof HOT | typeof COLD
  /** A whole life of a hold, with its usage record and rollup, instead of placing it only. */
  isLifecycle: boolean
}

/** What a load came to. Times are milliseconds. */
export interface Measured {
  rate: number
  stallMs: number
  waitMsMean: number
  waitMsMax: number
}

/** Adds up what the commit queue reports. */
export class Waits {
  #operations = 0
  #sum = 0
  #max = 0

  readonly onCommit = ({ operations, waitMsMean, waitMsMax }: CommitReport): void => {
    this.#operations += operations
    this.#sum += waitMsMean * operations
    this.#max = Math.max(this.#max, waitMsMax)
  }

  /** Mean and longest wait since the last call. */
  take(): { waitMsMean: number; waitMsMax: number } {
    const taken = { waitMsMean: this.#sum / this.#operations, waitMsMax: this.#max }
    this.#operations = 0
    this.#sum = 0
    this.#max = 0
    return taken
  }
}

export function accountOf(index: number): string {
  return `account-${(index * 7919) % ACCOUNTS}`
}

export async function openAccounts(ledger: Ledger): Promise<void> {
  await Promise.all(
    Array.from({ length: ACCOUNTS }, async (_, index) => {
      const accountId = accountOf(index)
      await ledger.openAccount({ accountId, name: accountId })
      await ledger.grant({ accountId, amount: credits(100_000_000) })
    }),
  )
}

/** @param held  counts what each account should hold in the end */
export async function measure(ledger: Ledger, waits: Waits, load: Load, held: Map<string, bigint>): Promise<Measured> {
  let rate = 0
  const stallMs = await longestStall(async () => {
    rate = await throughput(load.callers, load.operations, async (index) => {
      const accountId = accountOf(load.accounts === HOT ? 0 : index)
      const hold = await ledger.placeHold({ accountId, amount: credits(1), service: 'gpt', provider: 'gpt-4o-mini' })
      if (hold.status !== 'held') throw new Error(hold.reason)
      if (!load.isLifecycle) {
        held.set(accountId, (held.get(accountId) ?? 0n) + credits(1))
        return
      }
      const usage = { quantity: quantity(500), unit: 'tokens' as const, rated: credits('0.5') }
      const settled = await ledger.settleHold({ accountId, holdId: hold.holdId, usage })
      if (settled.status !== 'charged') throw new Error(settled.reason)
    })
  })
  return { rate, stallMs, ...waits.take() }
}

/** Where what accounts hold is not what was placed, and what verify() finds in those that were used most. */
export async function mismatches(
  ledger: Ledger,
  held: ReadonlyMap<string, bigint>,
): Promise<{ found: string[]; entries: number }> {
  const found: string[] = []
  for (let after = ''; ; ) {
    const page = await ledger.accounts({ after, limit: 1_000 })
    for (const account of page) {
      const expected = held.get(account.accountId) ?? 0n
      if (account.held !== expected) found.push(`${account.accountId} holds ${account.held}, placed were ${expected}`)
    }
    if (page.length < 1_000) break
    after = page.at(-1)?.accountId ?? ''
  }
  let entries = 0
  for (let index = 0; index < 20; index++) {
    const report = await ledger.verify(accountOf(index))
    entries += report.entries
    found.push(...report.mismatches.map((mismatch) => `${report.accountId}: ${JSON.stringify(mismatch)}`))
  }
  return { found, entries }
}
