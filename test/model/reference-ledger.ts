import type { Operation, Outcome } from '../../packages/ledger/src/operations.ts'
import { ReferenceAccount } from './reference-account.ts'
import { zoneOf } from './reference-budgets.ts'

/**
 * What the ledger should do, as one would write it for a room that has to agree on it: accounts one after another, lists of things,
 * every sum taken anew, no rows, no journal, no batches. It is compared with the real one step for step.
 */
export class ReferenceLedger {
  readonly accounts = new Map<string, ReferenceAccount>()
  /** Prefixes of API keys, which no two accounts share. */
  readonly #prefixes = new Set<string>()

  /** @param now  the store's clock, which may run backwards; an account's own never does */
  do(operation: Operation, now: number): Outcome {
    const { accountId, idempotencyKey, verb, input } = operation
    const account = this.accounts.get(accountId)
    const first = idempotencyKey === null ? undefined : account?.answers.get(idempotencyKey)
    if (first) return again(first, operation)
    if (verb === 'openAccount' && account) return { status: 'failed', code: 'ALREADY_EXISTS', what: 'account', id: accountId }
    if (verb !== 'openAccount' && !account) return { status: 'failed', code: 'ACCOUNT_NOT_FOUND', id: accountId }

    const acting = account ?? new ReferenceAccount(input as OpenAccount, now)
    this.accounts.set(accountId, acting)
    const outcome = verb === 'openAccount' ? opened(accountId) : acting.do(operation, now, this.#prefixes)
    if (acting.hasHappened(operation, outcome) && idempotencyKey !== null)
      acting.answers.set(idempotencyKey, { operation, outcome })
    return outcome
  }
}

type OpenAccount = Extract<Operation, { verb: 'openAccount' }>['input']

/** A change that happened under its idempotency key. */
export interface Answer {
  operation: Operation
  outcome: Outcome
}

function opened(accountId: string): Outcome {
  return { status: 'opened', accountId, replayed: false }
}

function again({ operation: before, outcome }: Answer, operation: Operation): Outcome {
  const [a, b] = [fieldsOf(before), fieldsOf(operation)]
  const differs = [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name)).sort()
  if (differs.length === 0) return { ...outcome, replayed: true } as Outcome
  return { status: 'failed', code: 'IDEMPOTENCY_CONFLICT', idempotencyKey: operation.idempotencyKey ?? '', differs }
}

/** Follows from the price book, and is not what was asked for. */
const BY_BOOK: ReadonlySet<string> = new Set(['rated', 'roundingStep', 'cost', 'priceVersion'])

/** What was asked for, by the names that a conflict tells: fields of the usage and of a document by themselves. */
function fieldsOf({ verb, input }: Operation): Map<string, string> {
  const fields = new Map([['verb', verb as string]])
  const priced = 'usage' in input && input.usage.priceVersion !== undefined
  for (const [name, value] of Object.entries(input)) {
    // Drawn anew for each call, so that two calls for the same key of an account never agree on them; or of no matter once it was done.
    if (['prefix', 'hash', 'minimumBalance', 'keepsHolds', 'announce', 'opensWorkflow', 'linesSoFar'].includes(name)) continue
    if (verb === 'settleHold' && (name === 'overage' || name === 'unitPrice')) continue
    const isGroup = name === 'usage' || name === 'body'
    for (const [inner, field] of isGroup ? Object.entries(value) : [['', value] as const]) {
      if (field === undefined || (priced && isGroup && BY_BOOK.has(inner))) continue
      fields.set(
        isGroup ? `${name}.${inner}` : name,
        JSON.stringify(name === 'timeZone' ? zoneOf(`${field}`) : field, (_, each) =>
          typeof each === 'bigint' ? `${each}` : each,
        ),
      )
    }
  }
  return fields
}
