import { ProviderError } from '@farebox/core'

/** The longest that a timer can wait: of more, Node makes a millisecond. */
const TIMER_MS_MAX = 2_147_483_647

/** How long a provider may have nothing to say. */
export interface Silence {
  /** Fires when it has been told all: from then on it is not waited for any more whether somebody speaks. */
  over: AbortSignal
  milliseconds: number
  provider: string
}

/**
 * The events of live work, for as long as there is more to hear, and after that until its provider ends them.
 *
 * @throws {ProviderError} `timeout`, where it neither does so nor says anything
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
  } finally {
    // One that hangs is not waited for.
    source.return?.().catch(() => {})
  }
}

function nextWithin<Event>(
  source: AsyncIterator<Event>,
  { over, milliseconds, provider }: Silence,
): Promise<IteratorResult<Event>> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const expire = () => {
      const message = `${provider} neither ended nor said anything for ${milliseconds} ms after it was told all`
      reject(new ProviderError(message, { provider, kind: 'timeout' }))
    }
    const start = () => {
      timer = setTimeout(expire, Math.min(milliseconds, TIMER_MS_MAX))
    }
    if (over.aborted) start()
    else over.addEventListener('abort', start)
    const stop = () => {
      clearTimeout(timer)
      over.removeEventListener('abort', start)
    }
    source.next().then(resolve, reject).finally(stop)
  })
}
