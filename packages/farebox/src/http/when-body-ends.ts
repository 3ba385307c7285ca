/** How long a reader may leave a part untaken. nginx waits a minute, but a player or a download may be paused for longer. */
const UNTAKEN_MS_MAX = 300_000

/**
 * The same response, but calls `ended` when its body was read to the end, broke off or was cancelled. Reads no faster than its
 * reader does. One who takes nothing for `untakenMsMax` has gone, although the connection may stay open: the body is cancelled, and
 * breaks off.
 */
export function whenBodyEnds(response: Response, ended: () => void, untakenMsMax: number = UNTAKEN_MS_MAX): Response {
  if (!response.body) {
    ended()
    return response
  }
  const reader = response.body.getReader()
  let isReading = false
  let readyAt = performance.now()
  let timer: ReturnType<typeof setTimeout>
  const end = () => {
    clearTimeout(timer)
    ended()
  }
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const wait = (ms: number) => {
          timer = setTimeout(look, ms)
          timer.unref?.()
        }
        const look = () => {
          // While a part is asked for, its provider is slow, not its reader.
          const leftMs = isReading ? untakenMsMax : readyAt + untakenMsMax - performance.now()
          if (leftMs > 0) return wait(leftMs)
          end()
          // Servers log the error of a body, so it must reveal nothing about the answer.
          controller.error(new Error('an answer broke off: nobody took it'))
          reader.cancel().catch(() => undefined)
        }
        wait(untakenMsMax)
      },
      async pull(controller) {
        isReading = true
        try {
          const { done, value } = await reader.read()
          if (!done) return controller.enqueue(value)
          end()
          controller.close()
        } catch (error) {
          end()
          controller.error(error)
        } finally {
          isReading = false
          readyAt = performance.now()
        }
      },
      async cancel(reason) {
        end()
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, response)
}
