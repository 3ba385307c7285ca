import { isFareboxError, ProviderError, type ProviderErrorFacts } from '@farebox/core'

/** One call under its caller's signal: a signal for the SDK, and a guard where the SDK ignores it. */
export interface Call {
  /** Aborts with the caller's signal, or when the call ends. Pass it to the SDK. */
  readonly signal: AbortSignal
  /**
   * Waits for `work` or for the caller's abort, whichever comes first.
   *
   * @throws {ProviderError} `aborted` or `timeout`, by the signal's reason
   */
  race<T>(work: PromiseLike<T>): Promise<T>
  /**
   * Checks for the caller's abort where there is nothing to wait for.
   *
   * @throws {ProviderError} as {@link race} does, if the caller has aborted
   */
  throwIfAborted(): void
  /**
   * Ends the call: removes its listener from the caller's signal, and aborts what still runs at the provider.
   *
   * @param idle  delays that abort until it settles. @defaultValue no delay
   */
  end(idle?: Promise<void>): void
}

/**
 * Opens a call that ends at once when `signal` aborts, even if the SDK hangs: no SDK's timeout covers a stalled body. The SDK
 * gets a signal of this call alone, because it never removes its listener.
 */
export function openCall(provider: string, signal: AbortSignal): Call {
  // Created on demand, because not every call passes its signal on.
  let controller: AbortController | undefined
  let endedBy: unknown
  const stop = (reason: unknown) => {
    endedBy ??= reason
    controller?.abort(reason)
  }
  let waiting: Set<(error: ProviderError) => void> | undefined
  const onAbort = () => {
    const error = signalError(provider, signal)
    for (const reject of waiting ?? []) reject(error)
    waiting?.clear()
    stop(signal.reason)
  }
  if (signal.aborted) stop(signal.reason)
  else signal.addEventListener('abort', onAbort, { once: true })

  return {
    get signal() {
      controller ??= new AbortController()
      if (endedBy !== undefined) controller.abort(endedBy)
      return controller.signal
    },
    race: (work) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) reject(signalError(provider, signal))
        waiting ??= new Set()
        waiting.add(reject)
        work.then(
          (value) => {
            waiting?.delete(reject)
            resolve(value)
          },
          (error: unknown) => {
            waiting?.delete(reject)
            reject(error)
          },
        )
      }),
    throwIfAborted: () => {
      if (signal.aborted) throw signalError(provider, signal)
    },
    end: (idle) => {
      signal.removeEventListener('abort', onAbort)
      const end = () => stop(ENDED)
      if (idle) idle.then(end, end)
      else end()
    },
  }
}

/** Shared, because capturing an error's stack costs as much as the rest of a call's bookkeeping. */
const ENDED = new DOMException('the call has ended', 'AbortError')

/** The error of a call whose signal aborted: `timeout` if a deadline passed, `aborted` if the caller gave up. */
export function signalError(provider: string, signal: AbortSignal, facts: Pick<ProviderErrorFacts, 'usage'> = {}): ProviderError {
  return isDeadline(signal.reason)
    ? new ProviderError(`${provider} did not answer before the deadline`, { provider, kind: 'timeout', ...facts })
    : new ProviderError(`the call to ${provider} was aborted by its caller`, { provider, kind: 'aborted', ...facts })
}

function isDeadline(reason: unknown): boolean {
  if (isFareboxError(reason)) return 'kind' in reason && reason.kind === 'timeout'
  return typeof reason === 'object' && reason !== null && 'name' in reason && reason.name === 'TimeoutError'
}
