import type { RequestOptions, Transport } from './transport.ts'

const FORMATS = ['text/csv', 'application/x-ndjson']

/**
 * Reads an export as it comes, in pieces that are cut anywhere. Stopping to read ends it.
 *
 * @throws {FareboxApiError} the API answered with an error
 * @throws {FareboxConnectionError} nobody answered, or the answer broke off (`STREAM_CUT`)
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
      // How long its reader takes with it is not the server's time.
      opened.ended()
      yield value
      opened.heard()
    }
  } finally {
    opened.ended()
    await reader.cancel().catch(() => undefined)
  }
}
