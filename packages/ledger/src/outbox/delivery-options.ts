import { checkOptionType, InvalidOptionError } from '@farebox/core'

const DELAY_MIN_MS = 2_000
const DELAY_MAX_MS = 4 * 3_600_000
/** A Node timer waits at most 2^31 - 1 milliseconds, or not at all. Polls are up to 25 % further apart than they were set to be. */
const TIMER_MS_MAX = Math.floor((2 ** 31 - 1) / 1.25)
/** With {@link doubling} these take about a day, so that a receiver that is down overnight misses nothing. */
export const ATTEMPTS_MAX = 19

/** @throws {InvalidOptionError} one of the named options is not a whole number of `least` or more */
export function checkWhole<Options extends object>(options: Options, names: readonly (keyof Options)[], least: number): void {
  for (const name of names) {
    const value = options[name]
    if (!Number.isSafeInteger(value) || Number(value) < least) {
      throw new InvalidOptionError(`${String(name)} must be a whole number of ${least} or more, received ${String(value)}`)
    }
  }
}

/** @throws {InvalidOptionError} one of the named options is not whole milliseconds that a timer can wait */
export function checkWaits<Options extends object>(options: Options, names: readonly (keyof Options)[]): void {
  checkWhole(options, names, 1)
  for (const name of names) {
    const value = Number(options[name])
    if (value > TIMER_MS_MAX) throw new InvalidOptionError(`${String(name)} must be at most ${TIMER_MS_MAX}, received ${value}`)
  }
}

/** @throws {InvalidOptionError} `deliver` is missing, or something that would be called is no function */
export function checkCallbacks(options: { deliver: unknown; retryDelayMs?: unknown; onError?: unknown }): void {
  const { deliver, retryDelayMs, onError } = options
  if (deliver === undefined) throw new InvalidOptionError('deliver must be a function, received undefined')
  for (const [name, value] of Object.entries({ deliver, retryDelayMs, onError })) checkOptionType(name, value, 'function')
}

/** Milliseconds until the next attempt: doubling from 2 seconds to 4 hours, ±25 %. */
export function doubling(attempt: number): number {
  return Math.min(DELAY_MIN_MS * 2 ** (attempt - 1), DELAY_MAX_MS) * (0.75 + Math.random() / 2)
}

/** The host's delay, or {@link doubling} where that is not a number, which would end retries or postpone them forever. */
export function delayAfter(attempt: number, retryDelayMs: (attempt: number) => number): number {
  const delayMs = Math.round(retryDelayMs(attempt))
  return Math.max(1, Number.isSafeInteger(delayMs) ? delayMs : Math.round(doubling(attempt)))
}

/** Why a delivery failed, as one line of at most 500 characters. */
export function wordsOf(error: unknown): string {
  return (
    textOf(error)
      .replace(/\p{Cc}/gu, ' ')
      .slice(0, 500)
      .toWellFormed() || 'no reason given'
  )
}

/** The error's message, with that of its cause: `fetch` itself says only that it failed. */
function textOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error)
    const message = String(error.message)
    const { message: reason, code } = (error.cause ?? {}) as { message?: unknown; code?: unknown }
    const cause = String(reason || code || '')
    return cause === '' || message.includes(cause) ? message : `${message}: ${cause}`
  } catch {
    // The host may throw anything. An error without text must not keep its event from being retried or given up.
    return ''
  }
}

/**
 * Attempts one delivery, until its timeout passes or the outbox stops.
 *
 * @returns the error, or `undefined` if the delivery succeeded
 */
export async function attemptDelivery(
  deliver: (signal: AbortSignal) => Promise<void> | void,
  { stopping, timeoutMs }: { stopping: AbortSignal; timeoutMs: number },
): Promise<unknown> {
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)])
  const ended = Promise.withResolvers<never>()
  // Nobody may wait for it: `deliver` may stop its outbox and throw, before it has returned a promise.
  ended.promise.catch(() => undefined)
  const abort = () => ended.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    signal.throwIfAborted()
    // A `deliver` that ignores its signal must not hold up the others.
    await Promise.race([deliver(signal), ended.promise])
    return undefined
  } catch (error) {
    return error ?? new Error('the delivery failed without a reason')
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
