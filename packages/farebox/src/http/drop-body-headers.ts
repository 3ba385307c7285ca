import type { ServerResponse } from 'node:http'

/** Headers that describe a body: its encoding, length, name and lifetime. */
const OF_THE_BODY = [
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'etag',
  'expires',
  'last-modified',
]

/** Removes what the host said about the body of its own answer, before a problem document replaces that answer. */
export function dropBodyHeaders(response: ServerResponse): void {
  for (const name of OF_THE_BODY) response.removeHeader(name)
}
