/**
 * What `source` brings, until it ends or `stop` fires. Neither waits for somebody who is silent. Closing `source` is for the caller.
 *
 * Promises are not raced with one that lasts: that one would remember every piece for as long as somebody talks.
 */
export async function* untilStopped<T>(source: AsyncIterator<T>, stop: AbortSignal): AsyncGenerator<T, void, undefined> {
  for (;;) {
    const step = await nextOf(source, stop)
    if (!step || step.done) return
    yield step.value
  }
}

function nextOf<T>(source: AsyncIterator<T>, stop: AbortSignal): Promise<IteratorResult<T> | undefined> {
  return new Promise((resolve, reject) => {
    const leave = () => resolve(undefined)
    if (stop.aborted) return leave()
    stop.addEventListener('abort', leave)
    const forget = () => stop.removeEventListener('abort', leave)
    source.next().then(resolve, reject).finally(forget)
  })
}
