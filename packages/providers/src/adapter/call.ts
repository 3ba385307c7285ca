import { isFareboxError, ProviderError, type ProviderErrorFacts } from '@farebox/core'

/** One call under its caller's signal: what the SDK is told to obey, and a guard for what the SDK forgets to. */
export interface Call {
  /** Aborts with the caller's signal, and when the call ends. Give it to the SDK. */
  readonly signal: AbortSignal
  /**
   * Waits for `work` or for the caller's abort, whichever comes first.
   *
   * @throws {ProviderError} `aborted` or `timeout`, as the signal's reason says
   */
  race<T>(work: PromiseLike<T>): Promise<T>
  /**
   * For work that waits for nothing.
   *
   * @throws {ProviderError} as {@link race} does, where the caller has left
   */
  throwIfAborted(): void
  /**
   * Ends the call: forgets the caller's signal, and stops what still runs at the provider.
   *
   * @param idle  what the provider is still heard for. @defaultValue nothing
   */
  end(idle?: Promise<void>): void
}

/**
 * Opens a call that ends at once when `signal` aborts, even where the SDK hangs: no SDK's own timeout covers a body that stalls.
 * The SDK is given a signal of this call alone, because it never takes its listener off the one that it was given.
 */
export function openCall(provider: string, signal: AbortSignal): Call {
  // Made when it is asked for: not every call hands its signal on.
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

/** Made once: an error takes its stack, which costs as much as the rest of a call's bookkeeping. */
const ENDED = new DOMException('the call has ended', 'AbortError')

/** Why an aborted signal ended a call: `timeout` when a deadline passed, `aborted` when the caller left. */
export function signalError(provider: string, signal: AbortSignal, facts: Pick<ProviderErrorFacts, 'usage'> = {}): ProviderError {
  return isDeadline(signal.reason)
    ? new ProviderError(`${provider} did not answer before the deadline`, { provider, kind: 'timeout', ...facts })
    : new ProviderError(`the call to ${provider} was aborted by its caller`, { provider, kind: 'aborted', ...facts })
}

function isDeadline(reason: unknown): boolean {
  if (isFareboxError(reason)) return 'kind' in reason && reason.kind === 'timeout'
  return typeof reason === 'object' && reason !== null && 'name' in reason && reason.name === 'TimeoutError'
}
