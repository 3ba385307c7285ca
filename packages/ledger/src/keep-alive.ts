import { InvalidInputError } from './errors.ts'
import type { Ledger } from './ledger.ts'
import type { HeldOutcome, Refusal } from './operations.ts'
import { unthrowing } from './unthrowing.ts'

/** Which hold is kept alive, and who is told of it. */
export interface KeepAliveOptions {
  accountId: string
  holdId: string
  /** How long the hold lives from each extension on, in milliseconds. @defaultValue 300_000 (five minutes) */
  ttlMs?: number
  /** How often it is extended, after a second at most. @defaultValue a third of `ttlMs`, so that two failures in a row lose nothing */
  everyMs?: number
  /** Hears each extension, with what is still affordable: the moment to warn that credits run low. */
  onExtended?(outcome: HeldOutcome): void
  /** Hears that the hold has ended, so that the work should too. It is not extended any more. */
  onLost?(refusal: Refusal): void
  /** Hears of an extension that failed, such as by a database that is away; it goes on. */
  onError?(error: unknown): void
}

/** The longest that a timer of Node's can wait. Beyond it, it would not wait at all. */
const EVERY_MS_MAX = 2 ** 31 - 1
/** A hold may have been placed for less than `ttlMs`, so it is not left to that for long. */
const FIRST_MS = 1_000

/**
 * Extends a hold while its work goes on, until it is stopped: for work whose length nobody knows, such as a telephone call. Should the
 * process die the hold goes back by itself within `ttlMs` and its grace. Does not keep the process alive.
 *
 * @example
 * const heartbeat = keepAlive(ledger, { accountId, holdId, onLost: () => call.hangUp() })
 * await call.ended
 * await heartbeat.stop()
 * await ledger.settleHold({ accountId, holdId, usage })
 */
export function keepAlive(ledger: Pick<Ledger, 'extendHold'>, options: KeepAliveOptions): { stop(): Promise<void> } {
  const { accountId, holdId, ttlMs = 300_000 } = options
  const everyMs = options.everyMs ?? Math.min(Math.ceil(ttlMs / 3), EVERY_MS_MAX)
  if (!Number.isSafeInteger(everyMs) || everyMs < 1 || everyMs >= ttlMs || everyMs > EVERY_MS_MAX) {
    throw new InvalidInputError(
      'everyMs',
      `must be whole milliseconds below ttlMs (${ttlMs}) and a timer's most, received ${everyMs}`,
    )
  }
  const onError = unthrowing(options.onError)
  /** Nobody waits for a listener: one that takes its time must not keep the hold from being extended. */
  const tell = (listen: () => void) => void (async () => listen())().catch(onError)
  let running: Promise<void> | undefined
  const next = () => {
    // One at a time: a slow database must not pile extensions up.
    running ??= beat().finally(() => {
      running = undefined
    })
  }
  const timer = setInterval(next, everyMs).unref()
  const first = setTimeout(next, Math.min(everyMs, FIRST_MS)).unref()
  const end = () => {
    clearTimeout(first)
    clearInterval(timer)
  }

  async function beat(): Promise<void> {
    try {
      const outcome = await ledger.extendHold({ accountId, holdId, ttlMs })
      if (outcome.status === 'held') return tell(() => options.onExtended?.(outcome))
      if (outcome.reason !== 'hold_not_open') return
      end()
      tell(() => options.onLost?.(outcome))
    } catch (error) {
      onError(error)
    }
  }

  return {
    async stop() {
      end()
      await running
    },
  }
}
