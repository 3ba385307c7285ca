/**
 * The same response, but calls `ended` when its body was read to the end, broke off or was cancelled. Reads no faster than its
 * reader does.
 */
export function whenBodyEnds(response: Response, ended: () => void): Response {
  if (!response.body) {
    ended()
    return response
  }
  const reader = response.body.getReader()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (!done) return controller.enqueue(value)
          ended()
          controller.close()
        } catch (error) {
          ended()
          controller.error(error)
        }
      },
      async cancel(reason) {
        ended()
        await reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, response)
}
