import { rollupsOf } from '../rollups.ts'
import type { Rows } from '../rows.ts'
import { CARRY, type Column, tables } from '../tables.ts'
import { getOrInsert } from './get-or-insert.ts'

type RollupTable = 'usage_rollups' | 'workflow_rollups'

/** Sums up what a batch adds to one table of rollups, so that each row is written once. */
export class RollupSums<Name extends RollupTable> {
  readonly #rows: Rows[Name][] = []
  readonly #dimensions: readonly string[]
  readonly #counters: readonly string[]
  readonly #carrying: readonly Column[]
  /** The rows of the hour and the day in which something counts. One look-up for both is half the work. */
  readonly #pairs = new Map<string, Counted[]>()
  readonly #days = new Map<string, Counted>()

  constructor(table: Name) {
    const counters = tables[table].columns.filter(({ type }) => type === 'bigint')
    this.#carrying = counters.filter(({ carriesTo }) => carriesTo !== undefined)
    const others = tables[table].columns.filter(
      ({ type, name }) => type !== 'bigint' && name !== 'period' && name !== 'starts_at',
    )
    this.#counters = counters.map(({ property }) => property)
    this.#dimensions = others.map(({ property }) => property)
  }

  /** The rows to write, in the order in which they were first added to. */
  get rows(): Rows[Name][] {
    for (const row of this.#rows as unknown as Counted[]) {
      for (const { property, carriesTo = '' } of this.#carrying) {
        const sum = row[property] as bigint
        if (sum < CARRY && sum > -CARRY) continue
        row[property] = sum % CARRY
        row[carriesTo] = (row[carriesTo] as bigint) + sum / CARRY
      }
    }
    return this.#rows
  }

  /** Adds to the counters of the hour and the day that contain `at`, in epoch milliseconds. */
  add(at: number, counted: Omit<Rows[Name], 'period' | 'startsAt' | 'quantityCarry' | 'costCarry'>): void {
    const added = counted as Counted
    let dimensions = ''
    for (const property of this.#dimensions) dimensions += `\0${added[property]}`
    const [hour, day] = rollupsOf(at)
    for (const sums of getOrInsert(this.#pairs, hour.startsAt + dimensions, () => [
      this.#begin(added, hour),
      // Several hours of one batch may share a day.
      getOrInsert(this.#days, day.startsAt + dimensions, () => this.#begin(added, day)),
    ])) {
      for (const property of this.#counters) {
        const more = added[property] as bigint | undefined
        if (more) sums[property] = (sums[property] as bigint) + more
      }
    }
  }

  #begin(counted: Counted, period: ReturnType<typeof rollupsOf>[number]): Counted {
    const row: Counted = { ...counted, ...period }
    for (const property of this.#counters) row[property] = 0n
    this.#rows.push(row as unknown as Rows[Name])
    return row
  }
}

type Counted = Record<string, unknown>
