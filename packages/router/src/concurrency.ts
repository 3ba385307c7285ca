import { InvalidOptionError } from '@farebox/core'
import pLimit, { type LimitFunction } from 'p-limit'
import { startTimer } from './leash.ts'

/** How many concurrent attempts each adapter gets. */
export interface ConcurrencyOptions {
  /** Concurrent attempts of each adapter that `byAdapter` does not name. @defaultValue unlimited */
  default?: number
  /** Concurrent attempts, by name of the adapter. */
  byAdapter?: Readonly<Record<string, number>>
  /** Attempts that may wait for one adapter while another candidate is available. @defaultValue the adapter's limit */
  waitingMax?: number
}

/** The right to one attempt. Call it to give the right back. Further calls do nothing. */
export type Slot = () => void

/** How busy one adapter is, for metrics. */
export interface ConcurrencyStats {
  adapter: string
  limit: number
  running: number
  waiting: number
}

/** Limits the concurrent attempts of each adapter within this process. */
export interface Concurrency {
  /** Returns a slot if one is free now. */
  takeNow(adapter: string): Slot | undefined
  /** Waits for a slot, first come, first served. Resolves to `undefined` after `waitMs`, or when `signal` fires. */
  take(adapter: string, signal: AbortSignal, waitMs: number): Promise<Slot | undefined>
  /** Whether so many attempts already wait for the adapter that another candidate is preferable. */
  isCrowded(adapter: string): boolean
  stats(): ConcurrencyStats[]
}

interface Gate {
  limit: LimitFunction
  running: number
  waiting: number
}

/**
 * Creates a limit on concurrent attempts by adapter, and so by API key.
 *
 * @throws {InvalidOptionError} an option is unknown, a limit is not a whole number above zero, or `waitingMax` is below zero
 */
export function createConcurrency(options: ConcurrencyOptions = {}): Concurrency {
  const { default: otherwise, byAdapter = {}, waitingMax, ...unknown } = options
  const [misplaced] = Object.keys(unknown)
  if (misplaced !== undefined)
    throw new InvalidOptionError(`${misplaced} is no option of concurrency: use default, byAdapter: { openai: 20 }, waitingMax`)
  for (const limit of [otherwise ?? 1, ...Object.values(byAdapter)]) {
    if (!Number.isSafeInteger(limit) || limit < 1) throw new InvalidOptionError(`a limit must be at least 1, received ${limit}`)
  }
  if (waitingMax !== undefined && !(waitingMax >= 0))
    throw new InvalidOptionError(`waitingMax must not be below 0, received ${waitingMax}`)
  const gates = new Map<string, Gate>()

  function gateOf(adapter: string): Gate | undefined {
    const known = gates.get(adapter)
    if (known) return known
    const limit = Object.hasOwn(byAdapter, adapter) ? byAdapter[adapter] : otherwise
    if (limit === undefined) return undefined
    const gate = { limit: pLimit(limit), running: 0, waiting: 0 }
    gates.set(adapter, gate)
    return gate
  }

  function isFree({ limit, running, waiting }: Gate): boolean {
    return running + waiting < limit.concurrency
  }

  return {
    takeNow(adapter) {
      const gate = gateOf(adapter)
      if (!gate) return UNLIMITED
      return isFree(gate) ? occupy(gate) : undefined
    },
    async take(adapter, signal, waitMs) {
      const gate = gateOf(adapter)
      if (!gate) return UNLIMITED
      return isFree(gate) ? occupy(gate) : wait(gate, signal, waitMs)
    },
    isCrowded(adapter) {
      const gate = gateOf(adapter)
      return gate !== undefined && !isFree(gate) && gate.waiting >= (waitingMax ?? gate.limit.concurrency)
    },
    stats: () =>
      [...gates].map(([adapter, { limit, running, waiting }]) => ({ adapter, limit: limit.concurrency, running, waiting })),
  }
}

const UNLIMITED: Slot = () => {}

/** Takes a free slot. Counts it at once, so that no other attempt takes it before `p-limit` has run. */
function occupy(gate: Gate): Slot {
  const { promise, resolve } = Promise.withResolvers<void>()
  gate.running += 1
  void gate.limit(() => promise)
  return slotOf(gate, resolve)
}

function wait(gate: Gate, signal: AbortSignal, waitMs: number): Promise<Slot | undefined> {
  return new Promise((resolve) => {
    if (signal.aborted || waitMs <= 0) return resolve(undefined)
    let isWaiting = true
    gate.waiting += 1
    const stopWaiting = () => {
      isWaiting = false
      gate.waiting -= 1
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
    }
    const giveUp = () => {
      stopWaiting()
      resolve(undefined)
    }
    const timer = startTimer(waitMs, giveUp)
    signal.addEventListener('abort', giveUp)
    void gate.limit(() => {
      // The attempt gave up before its turn.
      if (!isWaiting) return undefined
      stopWaiting()
      gate.running += 1
      const { promise, resolve: leave } = Promise.withResolvers<void>()
      resolve(slotOf(gate, leave))
      return promise
    })
  })
}

function slotOf(gate: Gate, leave: () => void): Slot {
  let isTaken = true
  return () => {
    if (!isTaken) return
    isTaken = false
    gate.running -= 1
    leave()
  }
}
