import { checkOptionType } from '@farebox/core'
import { checkKnownId, checkSpan, checkText } from './check-input.ts'
import { InvalidInputError } from './errors.ts'
import { checkFieldNames, type FieldNames } from './known-fields.ts'
import type { Ledger } from './ledger.ts'
import type { HeldOutcome, Refusal } from './outcomes.ts'
import { unthrowing } from './unthrowing.ts'

/** Which hold to keep alive, and which callbacks to call. */
export interface KeepAliveOptions {
  accountId: string
  holdId: string
  /** How long the hold lives from each extension, in milliseconds. @defaultValue 300_000 (five minutes) */
  ttlMs?: number
  /**
   * How often to extend it, in milliseconds. The first extension comes after a second at most.
   * @defaultValue a third of `ttlMs`, so that two failures in a row lose nothing
   */
  everyMs?: number
  /** Called after each extension with what is still affordable, for example to warn that credits run low. */
  onExtended?(outcome: HeldOutcome): void
  /** Called when the hold has ended, so that the work should end too. The hold is not extended any more. */
  onLost?(refusal: Refusal): void
  /** Called when an extension fails, for example because the database is unavailable. Extensions go on. */
  onError?(error: unknown): void
}

const known: FieldNames<KeepAliveOptions> = {
  accountId: true,
  holdId: true,
  ttlMs: true,
  everyMs: true,
  onExtended: true,
  onLost: true,
  onError: true,
}

/** The longest delay of a Node timer. A longer one would not wait at all. */
const EVERY_MS_MAX = 2 ** 31 - 1
/** The first extension comes early, since the hold may have been placed for less than `ttlMs`. */
const FIRST_MS = 1_000

/**
 * Extends a hold until stopped, for work of unknown length such as a telephone call. If the process dies, the hold is given back
 * by itself within `ttlMs` plus its grace period. Does not keep the process alive.
 *
 * @throws {InvalidInputError} an option is unknown or invalid, or `everyMs` is not below `ttlMs`
 * @throws {InvalidOptionError} a callback is no function
 *
 * @example
 * const heartbeat = keepAlive(ledger, { accountId, holdId, onLost: () => call.hangUp() })
 * await call.ended
 * await heartbeat.stop()
 * await ledger.settleHold({ accountId, holdId, usage })
 */
export function keepAlive(ledger: Pick<Ledger, 'extendHold'>, options: KeepAliveOptions): { stop(): Promise<void> } {
  checkFieldNames(options, known, 'keepAlive()')
  // Each extension would be refused, and the hold lost.
  const accountId = checkText('accountId', options.accountId)
  const holdId = checkKnownId('holdId', options.holdId)
  const ttlMs = checkSpan('ttlMs', options.ttlMs ?? 300_000, 1)
  for (const name of ['onExtended', 'onLost', 'onError'] as const) checkOptionType(name, options[name], 'function')
  const everyMs = options.everyMs ?? Math.min(Math.ceil(ttlMs / 3), EVERY_MS_MAX)
  if (!Number.isSafeInteger(everyMs) || everyMs < 1 || everyMs >= ttlMs || everyMs > EVERY_MS_MAX) {
    throw new InvalidInputError(
      'everyMs',
      `must be whole milliseconds below ttlMs (${ttlMs}) and a timer's most, received ${everyMs}`,
    )
  }
  const onError = unthrowing(options.onError)
  /** Calls a listener without waiting for it, since a slow one must not delay the next extension. */
  const tell = (listen: () => void) => void (async () => listen())().catch(onError)
  let running: Promise<void> | undefined
  const next = () => {
    // One at a time, so that extensions do not pile up on a slow database.
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
