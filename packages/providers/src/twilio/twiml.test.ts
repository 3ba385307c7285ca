import { describe, expect, it } from 'vitest'
import { escapeXml, sayTwiml, streamTwiml } from './twiml.ts'

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>'

describe('instructions in TwiML', () => {
  it('say a text, whatever is in it', () => {
    expect(sayTwiml('Tom & "Jerry" <Hangup/>', { voice: 'Polly.Amy', language: 'en-GB' })).toBe(
      `${HEAD}<Response><Say voice="Polly.Amy" language="en-GB">Tom &amp; &quot;Jerry&quot; &lt;Hangup/&gt;</Say></Response>`,
    )
  })

  it('connect a call to a websocket server, with parameters', () => {
    expect(streamTwiml({ url: 'wss://host.test/media', parameters: { workflow: 'w"1', empty: '' } })).toBe(
      `${HEAD}<Response><Connect><Stream url="wss://host.test/media"><Parameter name="workflow" value="w&quot;1"/>` +
        '<Parameter name="empty" value=""/></Stream></Connect></Response>',
    )
    expect(streamTwiml({ url: 'wss://host.test/media', statusCallbackUrl: 'https://host.test/s?a=1&b=2' })).toBe(
      `${HEAD}<Response><Connect><Stream url="wss://host.test/media" statusCallback="https://host.test/s?a=1&amp;b=2"/></Connect></Response>`,
    )
  })

  it.each(['ws://host.test/media', 'https://host.test/media', 'wss://host.test/media?key=1', 'media'])(
    'do not connect to %s, which Twilio would not',
    (url) => {
      expect(() => streamTwiml({ url })).toThrow(/url must be a wss: URL without a query/)
    },
  )

  it('leave out what XML cannot hold, and nothing else', () => {
    expect(escapeXml('a\u0000\u0008b\tc\n\u{1F600}é\ufffe')).toBe('ab\tc\n\u{1F600}é')
    expect(escapeXml('half \ud83d of a character')).not.toMatch(/\p{Surrogate}/u)
  })
})
