import { describeOption, InvalidOptionError } from '@farebox/core'
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
  limit: number
  running: number
  /** Those who wait, the longest waiting first. Whoever gives up leaves at once. */
  waiting: Set<(slot: Slot) => void>
}

/**
 * Creates a limit on concurrent attempts by adapter, and so by API key.
 *
 * @throws {InvalidOptionError} an option is unknown, `byAdapter` is no object, a limit is not a whole number above zero, or `waitingMax` is below zero
 */
export function createConcurrency(options: ConcurrencyOptions = {}): Concurrency {
  checkObject(options, 'concurrency')
  const { default: otherwise, byAdapter = {}, waitingMax, ...unknown } = options
  checkObject(byAdapter, 'byAdapter of concurrency')
  const [misplaced] = Object.keys(unknown)
  if (misplaced !== undefined)
    throw new InvalidOptionError(`${misplaced} is no option of concurrency: use default, byAdapter: { openai: 20 }, waitingMax`)
  for (const limit of [otherwise ?? 1, ...Object.values(byAdapter)]) {
    if (Number.isSafeInteger(limit) && limit >= 1) continue
    throw new InvalidOptionError(`a limit must be at least 1, received ${describeOption(limit)}`)
  }
  if (waitingMax !== undefined && !(typeof waitingMax === 'number' && waitingMax >= 0))
    throw new InvalidOptionError(`waitingMax must not be below 0, received ${describeOption(waitingMax)}`)
  const gates = new Map<string, Gate>()

  function gateOf(adapter: string): Gate | undefined {
    const known = gates.get(adapter)
    if (known) return known
    const limit = Object.hasOwn(byAdapter, adapter) ? byAdapter[adapter] : otherwise
    if (limit === undefined) return undefined
    const gate: Gate = { limit, running: 0, waiting: new Set() }
    gates.set(adapter, gate)
    return gate
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
      return gate !== undefined && !isFree(gate) && gate.waiting.size >= (waitingMax ?? gate.limit)
    },
    stats: () => [...gates].map(([adapter, { limit, running, waiting }]) => ({ adapter, limit, running, waiting: waiting.size })),
  }
}

/** What is no object has no limits in it, so that none would hold. */
function checkObject(value: unknown, name: string): void {
  if (typeof value === 'object' && value !== null) return
  throw new InvalidOptionError(`${name} takes an object of options, received ${value === null ? 'null' : typeof value}`)
}

const UNLIMITED: Slot = () => {}

function isFree({ limit, running }: Gate): boolean {
  return running < limit
}

/** Takes a free slot. Given back, it goes straight to whoever has waited longest. */
function occupy(gate: Gate): Slot {
  gate.running += 1
  let isTaken = true
  return () => {
    if (!isTaken) return
    isTaken = false
    gate.running -= 1
    const [next] = gate.waiting
    next?.(occupy(gate))
  }
}

function wait(gate: Gate, signal: AbortSignal, waitMs: number): Promise<Slot | undefined> {
  return new Promise((resolve) => {
    if (signal.aborted || waitMs <= 0) return resolve(undefined)
    const end = (slot: Slot | undefined) => {
      gate.waiting.delete(end)
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      resolve(slot)
    }
    const giveUp = () => end(undefined)
    const timer = startTimer(waitMs, giveUp)
    signal.addEventListener('abort', giveUp)
    gate.waiting.add(end)
  })
}
