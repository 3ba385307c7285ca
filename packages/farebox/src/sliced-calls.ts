import { microCredits, microUnits, nanoUsd, type UsageQuantity } from '@farebox/core'
import {
  type ChargedOutcome,
  chargeIdOf,
  IdempotencyConflictError,
  type Ledger,
  LineChangedError,
  type LinesSoFar,
  NotFoundError,
  type UsageRow,
} from '@farebox/ledger'
import type { PhoneNumbers } from '@farebox/router'
import { LRUCache } from 'lru-cache'
import type { BookPrices, Pricing } from './book-prices.ts'
import { Turns } from './turns.ts'

/** Identifies the call that a slice belongs to. */
export interface SlicedCall {
  accountId: string
  workflowId: string
  service: string
  provider: string
  model?: string
  to?: string
  from?: string
  /** The caller's name for it, unique within the workflow. */
  call: string
  /** The slice's own. A slice that is repeated under it is priced as it was at first. */
  idempotencyKey?: string
}

/** The price of a slice, and what has to be true when it is charged. */
export interface PricedSlice extends Pricing {
  details: SliceDetails
  linesSoFar: LinesSoFar
}

/** The details that a slice's record keeps to price the next slice. */
interface SliceDetails {
  call: string
  meter: string
  /** When the call began, in epoch milliseconds. */
  at: number
  /** Present if the price may depend on them. */
  numbers?: PhoneNumbers
}

/** What the earlier slices of a call come to. */
interface Earlier {
  /** When the call began, in epoch milliseconds. */
  at: number
  /** One of each meter and unit. */
  used: readonly UsageQuantity[]
  rated: bigint
  cost: bigint
  /** The receipt's lines for its service and provider. What is known here of a call is all there is for as long as they are known too. */
  lines: KnownLines
}

/** What lines of a receipt have come to, by all that this process knows. Others take their place if somebody else has charged to them. */
interface KnownLines {
  soFar: LinesSoFar
}

type RecordedSlice = Pick<UsageRow, 'usageId' | 'service' | 'provider' | 'quantity' | 'unit' | 'rated' | 'cost' | 'details'>

/** How many calls to remember, and receipts. What was forgotten is read again, a call with everything else in its workflow. */
const KNOWN_MAX = 10_000
/** How often to price a slice afresh because others charged to its receipt meanwhile. Each time, one of them got through. */
const TRIES_MAX = 100

/**
 * Charges the slices of calls: each the price of the call so far, minus what its earlier slices were rated at. So slices cost what
 * the whole call would, to the micro-credit: the connect fee and the minimum apply once, and increments and tiers to the whole. All
 * slices of one workflow at one provider are charged one after another, also where several processes record them: each has to know
 * what the receipt's lines have come to.
 */
export class SlicedCalls {
  readonly #ledger: Ledger
  readonly #prices: BookPrices
  readonly #turns = new Turns()
  readonly #known = new LRUCache<string, Earlier>({ max: KNOWN_MAX })
  readonly #lines = new LRUCache<string, KnownLines>({ max: KNOWN_MAX })

  constructor({ ledger, prices }: { ledger: Ledger; prices: BookPrices }) {
    this.#ledger = ledger
    this.#prices = prices
  }

  /** @param charge  charges the slice as it is priced. It is called again if something else was charged first. */
  async record(
    slice: SlicedCall,
    added: UsageQuantity,
    charge: (priced: PricedSlice) => Promise<ChargedOutcome>,
  ): Promise<ChargedOutcome> {
    const { accountId, workflowId, service, provider, call } = slice
    const receipt = JSON.stringify([accountId, workflowId, service, provider])
    const name = JSON.stringify([receipt, call])
    return this.#turns.take(receipt, async () => {
      let hasConflicted = false
      for (let tries = 1; ; tries++) {
        const earlier = (await this.#remembered({ name, receipt }, slice)) ?? (await this.#read(receipt, slice))
        this.#known.delete(name)
        const priced = this.#price(slice, earlier, added)
        try {
          const outcome = await charge(priced)
          if (!outcome.replayed) this.#known.set(name, withSlice(earlier, added, priced))
          return outcome
        } catch (error) {
          // Another process charged it meanwhile, and is followed in its price. Whoever asks for something else is told again.
          const isConflict = error instanceof IdempotencyConflictError
          const isTriedAgain = isConflict ? !hasConflicted : error instanceof LineChangedError && tries < TRIES_MAX
          if (!isTriedAgain) throw error
          hasConflicted ||= isConflict
        }
      }
    })
  }

  #price({ call, model, service, provider, to, from }: SlicedCall, earlier: Earlier, added: UsageQuantity): PricedSlice {
    const { at, used, lines } = earlier
    const { priced: whole, rating } = this.#prices.price({ service, provider, model, to, from, at }, [...used, added])
    const numbers = to === undefined && from === undefined ? undefined : { to, from }
    return {
      priced: {
        ...whole,
        quantity: added.quantity,
        unit: added.unit,
        rated: microCredits(notBelowZero(whole.rated - earlier.rated)),
        cost: whole.cost === undefined ? undefined : nanoUsd(notBelowZero(whole.cost - earlier.cost)),
      },
      rating,
      details: { call, meter: added.meter, at, ...(numbers && { numbers }) },
      linesSoFar: lines.soFar,
    }
  }

  /** What this process knows of the call, unless it may lack something, or knows the slice itself already. */
  async #remembered({ name, receipt }: { name: string; receipt: string }, slice: SlicedCall): Promise<Earlier | undefined> {
    const known = this.#known.get(name)
    if (!known || known.lines !== this.#lines.get(receipt)) return undefined
    const { accountId, workflowId } = slice
    if ((await this.#spooled(accountId, workflowId)).length > 0) return undefined
    const ownId = idOf(slice)
    return ownId !== undefined && (await this.#isRecorded(accountId, ownId)) ? undefined : known
  }

  async #read(receipt: string, slice: SlicedCall): Promise<Earlier> {
    const { accountId, workflowId, service, provider, call } = slice
    // Before the slices: if one is charged in between, the lines are then found changed.
    const lines = this.#linesAt(receipt, await this.#linesSoFar(slice))
    const slices = (await this.#recorded(accountId, workflowId)).flatMap((record) => {
      const details = detailsOf(record.details)
      const isOurs = record.service === service && record.provider === provider
      return isOurs && details?.call === call ? [{ record, details }] : []
    })
    const ownId = idOf(slice)
    const own = slices.findIndex(({ record }) => record.usageId === ownId)
    const earlier = own < 0 ? slices : slices.slice(0, own)
    return {
      at: slices[0]?.details.at ?? this.#prices.now(),
      used: earlier.reduce<UsageQuantity[]>(
        (all, { record, details }) => added(all, { meter: details.meter, quantity: record.quantity, unit: record.unit }),
        [],
      ),
      rated: earlier.reduce((sum, { record }) => sum + record.rated, 0n),
      cost: earlier.reduce((sum, { record }) => sum + (record.cost ?? 0n), 0n),
      lines,
    }
  }

  /** The lines that are known here, if they have come to what the ledger says. */
  #linesAt(receipt: string, soFar: LinesSoFar): KnownLines {
    const known = this.#lines.get(receipt)
    if (known?.soFar.quantity === soFar.quantity && known.soFar.rated === soFar.rated) return known
    const lines = { soFar }
    this.#lines.set(receipt, lines)
    return lines
  }

  async #linesSoFar({ accountId, workflowId, service, provider }: SlicedCall): Promise<LinesSoFar> {
    const workflow = await this.#ledger.workflow(accountId, workflowId).catch((error: unknown) => {
      if (error instanceof NotFoundError) return undefined
      throw error
    })
    const ours = (workflow?.lines ?? []).filter((line) => line.service === service && line.provider === provider)
    return {
      quantity: microUnits(ours.reduce((sum, line) => sum + line.quantity, 0n)),
      rated: microCredits(ours.reduce((sum, line) => sum + line.rated, 0n)),
    }
  }

  /** The charges of a workflow, those that the spool still has included: the next slice would be priced as if it were the first. */
  async #recorded(accountId: string, workflowId: string): Promise<RecordedSlice[]> {
    // Read before the records: what is sent meanwhile is then found twice, rather than not at all.
    const spooled = await this.#spooled(accountId, workflowId)
    const records = (await this.#ledger.usageOf(accountId, workflowId)).filter(({ corrects }) => corrects === null)
    const known = new Set(records.map(({ usageId }) => usageId))
    const waiting = spooled.flatMap(({ usageId, service, provider, usage }) => {
      if (known.has(usageId)) return []
      known.add(usageId)
      const { quantity, unit, rated, cost = null, details } = usage
      return [{ usageId, service, provider, quantity, unit, rated, cost, details: details && JSON.parse(details) }]
    })
    return [...records, ...waiting]
  }

  async #spooled(accountId: string, workflowId: string): ReturnType<Ledger['spooledCharges']> {
    await this.#ledger.sendSpooled().catch(() => undefined)
    return this.#ledger.spooledCharges(accountId, workflowId)
  }

  async #isRecorded(accountId: string, usageId: string): Promise<boolean> {
    try {
      await this.#ledger.usageRecord(accountId, usageId)
      return true
    } catch (error) {
      if (error instanceof NotFoundError) return false
      throw error
    }
  }
}

/** What the slices of a call come to with one more, which is on their receipt from now on. */
function withSlice({ at, used, rated, cost, lines }: Earlier, slice: UsageQuantity, { priced }: PricedSlice): Earlier {
  lines.soFar = {
    quantity: microUnits(lines.soFar.quantity + priced.quantity),
    rated: microCredits(lines.soFar.rated + priced.rated),
  }
  return { at, used: added(used, slice), rated: rated + priced.rated, cost: cost + (priced.cost ?? 0n), lines }
}

/** Adds a quantity to that of the same meter and unit. */
function added(used: readonly UsageQuantity[], more: UsageQuantity): UsageQuantity[] {
  const isSame = ({ meter, unit }: UsageQuantity) => meter === more.meter && unit === more.unit
  const known = used.find(isSame)
  if (!known) return [...used, more]
  return used.map((each) => (each === known ? { ...each, quantity: microUnits(each.quantity + more.quantity) } : each))
}

/** If more costs less, earlier charges stand. */
function notBelowZero(rest: bigint): bigint {
  return rest > 0n ? rest : 0n
}

/** The id of the slice's own record, if it can be told before it is charged. */
function idOf({ accountId, idempotencyKey }: SlicedCall): string | undefined {
  return idempotencyKey === undefined ? undefined : chargeIdOf(accountId, idempotencyKey)
}

function detailsOf(details: unknown): SliceDetails | undefined {
  if (typeof details !== 'object' || details === null || !('call' in details)) return undefined
  const { call, meter, at } = details as Partial<Record<keyof SliceDetails, unknown>>
  if (typeof call !== 'string' || typeof meter !== 'string' || typeof at !== 'number') return undefined
  return { call, meter, at }
}
