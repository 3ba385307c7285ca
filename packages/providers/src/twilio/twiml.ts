import { InvalidOptionError } from '@farebox/core'

/** How a text is said. */
export interface SayOptions {
  /** Twilio's name of a voice: `Polly.Amy`. @defaultValue the account's */
  voice?: string
  /** BCP 47: `en-GB`. @defaultValue the voice's */
  language?: string
}

/** Instructions that say `text` and hang up. */
export function sayTwiml(text: string, options: SayOptions = {}): string {
  return response(element('Say', { voice: options.voice, language: options.language }, escapeXml(text)))
}

/** Where the sound of a call goes. */
export interface StreamOptions {
  /** Where your websocket server is: `wss:`, without a query, which Twilio does not pass on. */
  url: string
  /** Told to your server in the `start` message. */
  parameters?: Readonly<Record<string, string>>
  /** Where Twilio tells that the stream started, stopped or failed. */
  statusCallbackUrl?: string
}

/**
 * Instructions that connect the call to your websocket server, which hears the callee and is heard by them. See {@link readMediaMessage}.
 *
 * @throws {InvalidOptionError} the URL is none that Twilio connects to
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

/** `text` as it may stand in XML, as content and as an attribute. What XML cannot hold (control characters, half characters) is left out. */
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
