/**
 * Yields what `source` yields until it ends or `stop` aborts, even while `source` is waiting. The caller closes `source`.
 *
 * It does not use `Promise.race` with a long-lived promise, which would retain every chunk for as long as it is pending.
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
