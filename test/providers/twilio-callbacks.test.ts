import { InvalidSignatureError, type TwilioAdapter, type TwilioOptions, twilio } from '@farebox/providers/twilio'
import sdk from 'twilio'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { validateSignature } from '../../packages/providers/src/twilio/signature.ts'
import type { TwilioLoopbackOptions } from '../loopback/twilio.ts'
import { callContext, type OpenTwilio, openTwilio, phoneRequest, refusal, SECRET, startCallbackHost } from './twilio-harness.ts'

let host: Awaited<ReturnType<typeof startCallbackHost>>
let opened: OpenTwilio | undefined
beforeEach(async () => {
  host = await startCallbackHost()
})
afterEach(async () => {
  await opened?.close()
  await host.close()
})

/** An adapter that is told of its calls, and hardly ever asks. */
async function open(loopback: TwilioLoopbackOptions = {}, options: TwilioOptions = {}) {
  opened = await openTwilio(() => ({ statusCallbackUrl: host.url, pollMs: 20_000, ...options }), {
    goesOnByItself: false,
    ...loopback,
  })
  host.serve(opened.adapter)
  return opened
}

const looks = () => opened?.loopback.requests.filter(({ method }) => method === 'GET') ?? []

/** Lets the call that was just placed go on to its end. */
async function finish({ loopback }: OpenTwilio): Promise<void> {
  for (;;) {
    if (loopback.calls.length > 0) return loopback.finish()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('status callbacks', () => {
  it.each(['as_it_happens', 'twice', 'backwards'] as const)(
    'end the call that waits, without a look at it, when they come %s',
    async (callbackOrder) => {
      const twilio = await open({ callbackOrder })
      const result = twilio.adapter.call(phoneRequest(), callContext())
      await finish(twilio)
      expect(await result).toMatchObject({ status: 'completed', durationSeconds: 49, usage: { certainty: 'exact' } })
      expect(looks()).toHaveLength(0)
      expect(twilio.loopback.invoice).toHaveLength(1)
      const { callbacks } = twilio.loopback
      expect(callbacks).toHaveLength(callbackOrder === 'twice' ? 8 : 4)
      expect(callbacks.every(({ status }) => status === 204)).toBe(true)
    },
  )

  it('tell a call that nobody answered', async () => {
    const twilio = await open({ script: () => ({ end: 'busy' }) })
    const result = twilio.adapter.call(phoneRequest(), callContext())
    await finish(twilio)
    expect(await result).toMatchObject({ status: 'busy', durationSeconds: 0 })
  })

  it('carry the id of our attempt beside what the host’s URL had', async () => {
    const twilio = await open()
    const result = twilio.adapter.call(phoneRequest(), callContext(undefined, 'attempt & 1'))
    await finish(twilio)
    await result
    const { searchParams } = new URL(twilio.loopback.callbacks[0]?.url ?? '')
    expect(Object.fromEntries(searchParams)).toEqual({ tenant: '7', attempt_id: 'attempt & 1' })
  })

  it('that lack the length of the call make it be looked at', async () => {
    const twilio = await open({ script: () => ({ isSilent: true, seconds: 12 }) }, { pollMs: 20 })
    const result = twilio.adapter.call(phoneRequest(), callContext())
    await finish(twilio)
    expect(await result).toMatchObject({ durationSeconds: 12, usage: { certainty: 'derived' } })
  })

  it.each([
    ['no answer at all', { type: 'destroy' } as const],
    ['500', refusal(500, 20500)],
  ])('tell of a call whose placing got %s, which is then followed to its end and not placed again', async (_, fault) => {
    const twilio = await open()
    twilio.loopback.fail(fault, { path: twilio.loopback.callsPath, method: 'POST', isDone: true })
    const result = twilio.adapter.call(phoneRequest(), callContext())
    await finish(twilio)
    expect(await result).toMatchObject({ callId: twilio.loopback.calls[0]?.sid, status: 'completed', durationSeconds: 49 })
    expect(twilio.loopback.calls).toHaveLength(1)
  })

  it('name the call on the error of one who left while it was being placed', async () => {
    const twilio = await open()
    const silence = twilio.loopback.fail({ type: 'silence' }, { path: twilio.loopback.callsPath, method: 'POST', isDone: true })
    const controller = new AbortController()
    const failure = twilio.adapter.call(phoneRequest(), callContext(controller.signal)).catch((error: unknown) => error)
    await silence.struck
    await expect.poll(() => twilio.loopback.callbacks[0]?.status).toBe(204)
    controller.abort()
    expect(await failure).toMatchObject({ kind: 'outcome_unknown', requestId: twilio.loopback.calls[0]?.sid })
    // Not that it is not known whether the call was placed.
    expect(await failure).toMatchObject({
      message: 'twilio: the call was placed, but not followed to its end: the call to twilio was aborted by its caller',
    })
  })

  it('of a placing that nothing is heard of leave the outcome unknown after a while', async () => {
    const { adapter, loopback } = await open({}, { pollMs: 20 })
    loopback.fail(refusal(500, 20500), { path: loopback.callsPath, method: 'POST' })
    await expect(adapter.call(phoneRequest(), callContext())).rejects.toMatchObject({
      kind: 'outcome_unknown',
      requestId: undefined,
      message: 'twilio: whether the call was placed is not known: twilio answered 500: 20500',
    })
  })

  it('of one call end no other', async () => {
    const { adapter, loopback } = await open({ script: (to) => ({ seconds: to === '+15550000001' ? 100 : 200 }) })
    const ended: number[] = []
    const results = ['+15550000001', '+15550000002'].map(async (to) => {
      const result = await adapter.call(phoneRequest({ to }), callContext(undefined, `attempt to ${to}`))
      ended.push(result.durationSeconds)
      return result
    })
    await expect.poll(() => loopback.calls.length).toBe(2)
    const second = loopback.calls.find(({ to }) => to === '+15550000002')
    for (let step = 0; step < 3; step += 1) await loopback.step(second?.sid ?? '')
    expect(await results[1]).toMatchObject({ callId: second?.sid, durationSeconds: 200 })
    expect(ended).toEqual([200])
    await loopback.finish()
    expect(await results[0]).toMatchObject({ durationSeconds: 100 })
  })
})

describe('statusCallback', () => {
  const url = 'https://host.test/callbacks?attempt_id=attempt-1'
  const form = { CallSid: 'CA1', CallStatus: 'completed', SequenceNumber: '3', CallDuration: '49', Duration: '1' }
  const sign = (given: Record<string, string | string[]> = form, to = url) => sdk.getExpectedTwilioSignature(SECRET, to, given)
  const adapter = (): TwilioAdapter => twilio({ accountSid: `AC${'a'.repeat(32)}`, authToken: SECRET })

  it('says what the callback said', async () => {
    expect(await adapter().statusCallback({ url, signature: sign(), form })).toEqual({
      callId: 'CA1',
      attemptId: 'attempt-1',
      status: 'completed',
      latestStatus: 'completed',
      sequenceNumber: 3,
      isReplay: false,
      end: expect.objectContaining({ status: 'completed' }),
      usage: expect.objectContaining({
        quantities: [{ meter: 'duration', quantity: 49_000_000n, unit: 'seconds' }],
        certainty: 'exact',
      }),
    })
  })

  it('knows one that comes twice, and how far the call had come when one comes late', async () => {
    const one = adapter()
    expect(await one.statusCallback({ url, signature: sign(), form })).toMatchObject({ isReplay: false })
    expect(await one.statusCallback({ url, signature: sign(), form: new URLSearchParams(form) })).toMatchObject({
      isReplay: true,
    })
    const late = { CallSid: 'CA1', CallStatus: 'ringing', SequenceNumber: '1' }
    expect(await one.statusCallback({ url, signature: sign(late), form: late })).toMatchObject({
      isReplay: false,
      status: 'ringing',
      latestStatus: 'completed',
    })
    const other = { ...form, CallSid: 'CA2' }
    expect(await one.statusCallback({ url, signature: sign(other), form: other })).toMatchObject({ isReplay: false })
  })

  it.each([
    ['has no signature', { signature: undefined }],
    ['has an empty one', { signature: '' }],
    ['has another’s', { signature: sdk.getExpectedTwilioSignature('another token', url, form) }],
    ['came to another URL', { url: `${url}&admin=1` }],
    ['was changed on its way', { form: { ...form, CallDuration: '1' } }],
    ['came to what is no URL', { url: 'callbacks' }],
  ])('throws when the request %s, and nothing has changed', async (_, given) => {
    const one = adapter()
    await expect(one.statusCallback({ url, signature: sign(), form, ...given })).rejects.toThrow(InvalidSignatureError)
    expect(await one.statusCallback({ url, signature: sign(), form })).toMatchObject({ isReplay: false })
  })

  it('tells a callback that is about something else from a forged one', async () => {
    const other = { MessageSid: 'SM1', MessageStatus: 'sent' }
    await expect(adapter().statusCallback({ url, signature: sign(other), form: other })).rejects.toMatchObject({
      kind: 'malformed',
    })
  })

  it('needs the token, also where calls are placed with an API key', async () => {
    const one = twilio({ accountSid: `AC${'a'.repeat(32)}`, apiKey: 'SK1', apiSecret: 'secret' })
    await expect(one.statusCallback({ url, signature: sign(), form })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    expect(await one.verifyUpgrade('wss://host.test/media', sign({}, 'wss://host.test/media'))).toBe(false)
  })

  it('forgets the oldest calls instead of growing for ever', async () => {
    const one = adapter()
    for (let ordinal = 0; ordinal <= 10_000; ordinal += 1) {
      const given = { ...form, CallSid: `CA${ordinal}` }
      await one.statusCallback({ url, signature: sign(given), form: given })
    }
    const first = { ...form, CallSid: 'CA0' }
    const second = { ...form, CallSid: 'CA2' }
    expect(await one.statusCallback({ url, signature: sign(second), form: second })).toMatchObject({ isReplay: true })
    expect(await one.statusCallback({ url, signature: sign(first), form: first })).toMatchObject({ isReplay: false })
  })

  it('tells the fields of any webhook that Twilio signed, and of no other', async () => {
    const coming = { CallSid: 'CA1', From: '+15551234567', To: '+15557654321', CallStatus: 'ringing' }
    const request = { url, signature: sign(coming), form: coming }
    expect(await adapter().webhook(request)).toEqual(coming)
    expect(await adapter().webhook({ ...request, form: new URLSearchParams(coming) })).toEqual(coming)
    const forged = { ...request, form: { ...coming, From: '+15550000000' } }
    await expect(adapter().webhook(forged)).rejects.toThrow(InvalidSignatureError)
    await expect(adapter().webhook({ ...request, signature: null })).rejects.toThrow(InvalidSignatureError)
  })

  it('lets in the upgrade of a media stream that Twilio signed, and no other', async () => {
    const stream = 'wss://host.test/media'
    expect(await adapter().verifyUpgrade(stream, sign({}, stream))).toBe(true)
    expect(await adapter().verifyUpgrade(stream, sign({}, 'wss://host.test/other'))).toBe(false)
    for (const signature of [undefined, null, '', 'x']) expect(await adapter().verifyUpgrade(stream, signature)).toBe(false)
  })
})

describe('the signature that is checked where the SDK is not installed', () => {
  const form = { CallSid: 'CA1', To: '+15551234567', 'Digits[]': ['2', '1', '2'], Empty: '', Word: 'é 😀' }

  it.each([
    'https://host.test/callbacks',
    'https://host.test:443/callbacks?b=2&a=1',
    'https://host.test:8443/callbacks',
    "https://user:pass@host.test/it's?q=a%20b",
    'http://[::1]/callbacks',
    'http://127.0.0.1:80/callbacks',
    'wss://host.test/media',
  ])('agrees with the SDK on %s', (url) => {
    const signature = sdk.getExpectedTwilioSignature(SECRET, url, form)
    expect(validateSignature(SECRET, signature, url, form)).toBe(true)
    expect(validateSignature('another', signature, url, form)).toBe(false)
    expect(validateSignature(SECRET, signature, `${url}x`, form)).toBe(false)
    expect(validateSignature(SECRET, signature, url, { ...form, To: '+15551234568' })).toBe(false)
    expect(validateSignature(SECRET, signature.slice(1), url, form)).toBe(false)
  })

  it('does not mind a standard port that a proxy added or dropped', () => {
    const [bare, ported] = ['https://host.test/callbacks?a=1', 'https://host.test:443/callbacks?a=1']
    for (const [signed, seen] of [
      [bare, ported],
      [ported, bare],
    ] as const) {
      const signature = sdk.getExpectedTwilioSignature(SECRET, signed, form)
      expect(validateSignature(SECRET, signature, seen, form)).toBe(true)
      expect(sdk.validateRequest(SECRET, signature, seen, form)).toBe(true)
    }
  })
})
