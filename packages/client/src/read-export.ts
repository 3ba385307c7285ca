import type { RequestOptions, Transport } from './transport.ts'

const FORMATS = ['text/csv', 'application/x-ndjson']

/**
 * Reads an export as it arrives, in chunks that may split a line anywhere. When the reader stops, the export is cancelled.
 *
 * @throws {FareboxApiError} the API answered with an error
 * @throws {FareboxConnectionError} there was no answer, or it broke off (`STREAM_CUT`)
 */
export async function* readExport(
  transport: Transport,
  path: string,
  query: object | undefined,
  options?: RequestOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const opened = await transport.stream({ method: 'GET', path, query, streams: FORMATS }, options)
  const reader = opened.body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw opened.failure(cause)
      })
      if (done) return
      // The time that the reader takes does not count against the server.
      opened.ended()
      yield value
      opened.heard()
    }
  } finally {
    opened.ended()
    await reader.cancel().catch(() => undefined)
  }
}
