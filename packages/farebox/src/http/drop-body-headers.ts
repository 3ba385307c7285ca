import type { ServerResponse } from 'node:http'

/** What says how a body is coded, how long it is, what it is called and how long it may be kept. */
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

/** Takes back what a host has said of the answer that it meant to give, and that a problem document takes the place of. */
export function dropBodyHeaders(response: ServerResponse): void {
  for (const name of OF_THE_BODY) response.removeHeader(name)
}
