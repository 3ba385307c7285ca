import { type Credits, credits, microUnits } from '@farebox/core'
import { decodeEntry } from '../machine/journal.ts'
import type { Operation, Operations, Outcomes, RatedUsage, Verb } from '../operations.ts'
import type { JournalEntry, Rows } from '../rows.ts'
import { MemoryRows } from './memory-rows.ts'

const accountId = 'a'

/** What a test need not say of a verb. */
const usual = {
  openAccount: { name: 'Ada', creditLimit: credits(0), debtLimit: credits(0) },
  grant: { source: 'purchase', priority: 100 },
  placeHold: { service: 'gpt', provider: 'x', ttlMs: 1_000, graceMs: 10, overage: 'cap' },
  settleHold: { final: true },
  charge: { service: 'gpt', provider: 'x', overage: 'reject' },
  adjust: { overage: 'cap' },
  openWorkflow: { name: 'call' },
  setBudget: { period: 'total', timeZone: 'UTC', mode: 'block', alertsAtPercent: [] },
} as const satisfies { [Name in Verb]?: Partial<Operations[Name]> }
type Usual = typeof usual

/** The input of a verb, of which what is usual may be left out. */
type Told<Name extends Verb> = Name extends keyof Usual
  ? Omit<Operations[Name], keyof Usual[Name]> & Partial<Pick<Operations[Name], keyof Usual[Name] & keyof Operations[Name]>>
  : Operations[Name]

/** The state machine with one account, in memory: each verb is a batch of its own, at `now`. */
export class OneAccount extends MemoryRows {
  #keys = 0

  /** Opens it, and grants it so much under the id `first`. */
  constructor(granted = 0, limits: { creditLimit?: Credits; debtLimit?: Credits } = {}) {
    super()
    this.do('openAccount', limits)
    if (granted > 0) this.do('grant', { grantId: 'first', amount: credits(granted) })
  }

  /** @param key  the idempotency key; a new one unless it is given, and none when it is null */
  do<Name extends Verb>(verb: Name, input: Told<Name>, key: string | null = `key${this.#keys++}`): Outcomes[Name] {
    const defaults: object = verb in usual ? usual[verb as keyof Usual] : {}
    const [outcome] = this.commit([{ verb, accountId, idempotencyKey: key, input: { ...defaults, ...input } } as Operation])
    return outcome as Outcomes[Name]
  }

  /** Lets time pass, and what is due happen. */
  wait(ms: number): void {
    this.now += ms
    this.do('advance', {}, null)
  }

  grant(grantId: string): Rows['grants'] {
    return found(this.all('grants').find((row) => row.grantId === grantId))
  }

  hold(holdId: string): Rows['holds'] {
    return found(this.all('holds').find((row) => row.holdId === holdId))
  }

  budget(budgetId: string): Rows['budgets'] {
    return found(this.all('budgets').find((row) => row.budgetId === budgetId))
  }

  workflow(workflowId: string): Rows['workflows'] {
    return found(this.all('workflows').find((row) => row.workflowId === workflowId))
  }

  usage(usageId: string): Rows['usage_records'] {
    return found(this.all('usage_records').find((row) => row.usageId === usageId))
  }

  /** The newest entry of the journal. */
  get entry(): JournalEntry {
    return decodeEntry(found(this.all('journal').at(-1)))
  }

  /** The types and data of all events so far. */
  get events(): [string, Record<string, unknown>][] {
    return this.all('events').map(({ type, data }) => [type, data])
  }
}

/** Usage that was rated at so many credits. */
export function rated(amount: number, more: Partial<RatedUsage> = {}): RatedUsage {
  return {
    quantity: microUnits(7n),
    unit: 'tokens',
    rated: credits(amount),
    roundingStep: credits(1),
    certainty: 'exact',
    ...more,
  }
}

function found<Row>(row: Row | undefined): Row {
  if (row === undefined) throw new Error('there is no such row')
  return row
}
