import { InvalidOptionError } from '@farebox/core'

/** How to speak a text. */
export interface SayOptions {
  /** A voice by Twilio's name: `Polly.Amy`. @defaultValue the account's */
  voice?: string
  /** The language as a BCP 47 tag: `en-GB`. @defaultValue the voice's */
  language?: string
}

/** TwiML that speaks `text` and hangs up. */
export function sayTwiml(text: string, options: SayOptions = {}): string {
  return response(element('Say', { voice: options.voice, language: options.language }, escapeXml(text)))
}

/** Where to stream the audio of a call. */
export interface StreamOptions {
  /** The `wss:` URL of your websocket server, without a query, which Twilio would drop. */
  url: string
  /** Passed to your server in the `start` message. */
  parameters?: Readonly<Record<string, string>>
  /** The URL to which Twilio reports that the stream started, stopped or failed. */
  statusCallbackUrl?: string
}

/**
 * TwiML that connects the call to your websocket server, with audio in both directions. See {@link readMediaMessage}.
 *
 * @throws {InvalidOptionError} the URL is not `wss:`, or has a query
 * @source https://www.twilio.com/docs/voice/twiml/stream
 */
export function streamTwiml({ url, parameters = {}, statusCallbackUrl }: StreamOptions): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 'wss:' || parsed.search !== '') {
    throw new InvalidOptionError(`url must be a wss: URL without a query (use parameters), received ${JSON.stringify(url)}`)
  }
  const inner = Object.entries(parameters).map(([name, value]) => element('Parameter', { name, value }))
  return response(element('Connect', {}, element('Stream', { url, statusCallback: statusCallbackUrl }, inner.join(''))))
}

/**
 * Escapes `text` for XML content and attributes. It drops what XML cannot hold: control characters and half characters (lone
 * surrogates).
 */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffc\u{10000}-\u{10ffff}]/gu, '')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

function response(content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Response>${content}</Response>`
}

function element(name: string, attributes: Readonly<Record<string, string | undefined>>, content = ''): string {
  const written = Object.entries(attributes).map(([key, value]) => (value === undefined ? '' : ` ${key}="${escapeXml(value)}"`))
  return content === '' ? `<${name}${written.join('')}/>` : `<${name}${written.join('')}>${content}</${name}>`
}
