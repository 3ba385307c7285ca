import { ProviderError } from '@farebox/core'
import { TIMER_MS_MAX } from '../check-times.ts'

/** How long a provider may stay silent. */
export interface Silence {
  /** Aborts when the provider has all of its input. Before that, silence may just mean that nobody is speaking. */
  over: AbortSignal
  /** Aborts when the provider must say something although it has not all of its input. Asked for before each event. */
  owed?: () => AbortSignal | undefined
  milliseconds: number
  provider: string
  /** What the input threw, if it failed. */
  inputFailure: () => { cause: unknown } | undefined
}

/**
 * Yields the events of live work, without a limit while there is more input and nothing is owed. Otherwise it limits how long
 * the provider may stay silent.
 *
 * @throws {ProviderError} `aborted`: the input failed
 * @throws {ProviderError} `timeout`: after its input ended, the provider was silent for too long and did not end its events, or
 * it was silent for too long although it owed something
 */
export async function* withinSilence<Event>(
  events: AsyncIterable<Event>,
  silence: Silence,
): AsyncGenerator<Event, void, undefined> {
  const source = events[Symbol.asyncIterator]()
  try {
    for (;;) {
      const step = await nextWithin(source, silence)
      if (step.done) return
      yield step.value
    }
  } catch (thrown) {
    const failure = silence.inputFailure()
    // An adapter may pass on what its input threw. Its provider is not to blame for that.
    if (failure?.cause !== thrown) throw thrown
    const { provider } = silence
    throw new ProviderError(`the input for ${provider} failed`, { provider, kind: 'aborted', ...failure })
  } finally {
    // Not awaited: the provider may hang.
    source.return?.().catch(() => {})
  }
}

function nextWithin<Event>(
  source: AsyncIterator<Event>,
  { over, owed, milliseconds, provider }: Silence,
): Promise<IteratorResult<Event>> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const expire = () => {
      const message = over.aborted
        ? `${provider} neither ended nor said anything for ${milliseconds} ms after it was told all`
        : `${provider} said nothing for ${milliseconds} ms, and has not ended the answer that it was told to stop or that the last request waits for`
      reject(new ProviderError(message, { provider, kind: 'timeout' }))
    }
    const start = () => {
      timer ??= setTimeout(expire, Math.min(milliseconds, TIMER_MS_MAX))
    }
    const signals = [over, owed?.()].filter((signal) => signal !== undefined)
    for (const signal of signals) signal.addEventListener('abort', start)
    if (signals.some(({ aborted }) => aborted)) start()
    const stop = () => {
      clearTimeout(timer)
      for (const signal of signals) signal.removeEventListener('abort', start)
    }
    source.next().then(resolve, reject).finally(stop)
  })
}
