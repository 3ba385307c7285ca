import { describe, expect, it } from 'vitest'
import { clearMessage, markMessage, mediaMessage, readMediaMessage } from './media-messages.ts'

const read = (message: object) => readMediaMessage(JSON.stringify(message))
const numbered = { sequenceNumber: '1', streamSid: 'MZ1' }

describe('a message of a media stream', () => {
  it('is read, in the order in which a call sends them', () => {
    expect(read({ event: 'connected', protocol: 'Call', version: '1.0.0' })).toEqual({ type: 'connected' })
    const mediaFormat = { encoding: 'audio/x-mulaw', sampleRate: 8_000, channels: 1 }
    const start = {
      accountSid: 'AC1',
      callSid: 'CA1',
      streamSid: 'MZ1',
      tracks: ['inbound'],
      mediaFormat,
      customParameters: { workflow: 'w1' },
    }
    expect(read({ event: 'start', ...numbered, start })).toEqual({
      type: 'start',
      streamId: 'MZ1',
      callId: 'CA1',
      tracks: ['inbound'],
      parameters: { workflow: 'w1' },
    })
    const payload = Buffer.from([0xff, 0x7f, 0x00]).toString('base64')
    expect(read({ event: 'media', ...numbered, media: { track: 'inbound', chunk: '2', timestamp: '20', payload } })).toEqual({
      type: 'media',
      streamId: 'MZ1',
      track: 'inbound',
      timestampMs: 20,
      audio: new Uint8Array([0xff, 0x7f, 0x00]),
    })
    expect(read({ event: 'dtmf', ...numbered, dtmf: { track: 'inbound_track', digit: '5' } })).toEqual({
      type: 'dtmf',
      streamId: 'MZ1',
      digit: '5',
    })
    expect(read({ event: 'mark', ...numbered, mark: { name: 'greeting' } })).toEqual({
      type: 'mark',
      streamId: 'MZ1',
      name: 'greeting',
    })
    expect(read({ event: 'stop', ...numbered, stop: { accountSid: 'AC1', callSid: 'CA1' } })).toEqual({
      type: 'stop',
      streamId: 'MZ1',
      callId: 'CA1',
    })
  })

  it('of a kind that is not known is passed over', () => {
    expect(read({ event: 'weather', ...numbered })).toBeUndefined()
  })

  it.each([
    ['no JSON', '{"event":'],
    ['no object', '"media"'],
    ['without an event', '{}'],
    ['without a stream', JSON.stringify({ event: 'media', media: { payload: '' } })],
    ['without sound', JSON.stringify({ event: 'media', ...numbered, media: {} })],
    ['with a time that is no number', JSON.stringify({ event: 'media', ...numbered, media: { timestamp: 'soon', payload: '' } })],
    ['with sound that is not base64', JSON.stringify({ event: 'media', ...numbered, media: { payload: '*' } })],
  ])('that is %s is malformed', (_, message) => {
    expect(() => readMediaMessage(message)).toThrow(expect.objectContaining({ code: 'PROVIDER_ERROR', kind: 'malformed' }))
  })

  it('to the callee carries sound, a mark, or silence', () => {
    const audio = Uint8Array.from({ length: 20_000 }, (_, index) => index % 256)
    const message = JSON.parse(mediaMessage('MZ1', audio))
    expect(message).toMatchObject({ event: 'media', streamSid: 'MZ1' })
    expect(Buffer.from(message.media.payload, 'base64')).toEqual(Buffer.from(audio))
    expect(JSON.parse(markMessage('MZ1', 'greeting'))).toEqual({ event: 'mark', streamSid: 'MZ1', mark: { name: 'greeting' } })
    expect(JSON.parse(clearMessage('MZ1'))).toEqual({ event: 'clear', streamSid: 'MZ1' })
  })
})
