import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { inspect } from 'node:util'
import { formatUsd, isFareboxError, type ProviderError } from '@farebox/core'
import type { TwilioOptions } from '@farebox/providers/twilio'
import { twilio } from '@farebox/providers/twilio'
import sdk from 'twilio'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readEnd } from '../../packages/providers/src/twilio/read-call.ts'
import type { TwilioLoopbackOptions } from '../loopback/twilio.ts'
import { callContext, type OpenTwilio, openTwilio, phoneRequest, refusal, SECRET } from './twilio-harness.ts'

let opened: OpenTwilio
afterEach(async () => {
  vi.useRealTimers()
  vi.unstubAllEnvs()
  await opened?.close()
})

async function open(options: TwilioOptions = {}, loopback: TwilioLoopbackOptions = {}) {
  opened = await openTwilio(() => options, loopback)
  return opened
}

/** The requests that placed a call. */
const placings = () =>
  opened.loopback.requests.filter(({ method, path }) => method === 'POST' && path === opened.loopback.callsPath)
const placing = () => ({ path: opened.loopback.callsPath, method: 'POST' })

async function failureOf(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    (value) => expect.unreachable(`it succeeded with ${inspect(value)}`),
    (thrown: unknown) => thrown,
  )
  if (!isFareboxError(error) || error.code !== 'PROVIDER_ERROR') throw error
  return error as ProviderError
}

describe('a call by Twilio', () => {
  it('is followed for longer than it lasts: through its queue, its ring and until its end is told, which the adapter says', () => {
    const account = { accountSid: `AC${'0'.repeat(32)}`, authToken: SECRET }
    expect(twilio(account).callExtraSeconds).toBe(780)
    expect(twilio({ ...account, ringSeconds: 300 }).callExtraSeconds).toBe(1_020)
  })

  it('is placed once, with its limit, and told with the seconds that Twilio counted', async () => {
    const { adapter, loopback } = await open({ ringSeconds: 25 })
    const result = await adapter.call(phoneRequest({ instructions: { type: 'say', text: 'Fish & <chips>' } }), callContext())
    expect(result).toMatchObject({ callId: loopback.calls[0]?.sid, status: 'completed', durationSeconds: 49 })
    expect(result.usage?.certainty).toBe('exact')
    expect(placings()).toHaveLength(1)
    expect(placings()[0]?.headers).toMatchObject({ 'content-length': expect.stringMatching(/^[1-9]/) })
    expect(placings()[0]?.headers).not.toHaveProperty('transfer-encoding')
    expect(placings()[0]?.body).toEqual({
      To: '+15551234567',
      From: '+15557654321',
      TimeLimit: '300',
      Timeout: '25',
      Twiml: '<?xml version="1.0" encoding="UTF-8"?><Response><Say>Fish &amp; &lt;chips&gt;</Say></Response>',
    })
    expect(loopback.invoice).toEqual([
      expect.objectContaining({
        requestId: result.callId,
        quantities: { seconds: 49, minutes: 1 },
        cost: '0.01400',
        outcome: 'served',
      }),
    ])
  })

  it('never costs more than its limit allows: Twilio is told to end it there', async () => {
    const { adapter, loopback } = await open({}, { script: () => ({ seconds: 3_600 }) })
    const result = await adapter.call(phoneRequest({ durationSecondsMax: 119.9 }), callContext())
    expect(result.durationSeconds).toBe(119)
    expect(loopback.invoice[0]?.quantities).toEqual({ seconds: 119, minutes: 2 })
  })

  it('tells the price where Twilio tells it at once, and none while it does not', async () => {
    const early = await open({}, { script: () => ({ seconds: 130 }), looksBeforePrice: 0 })
    const { cost } = await early.adapter.call(phoneRequest(), callContext())
    expect(cost && formatUsd(cost)).toBe('0.042')
    await early.close()
    const late = await open({}, { looksBeforePrice: 3 })
    expect(await late.adapter.call(phoneRequest(), callContext())).not.toHaveProperty('cost')
    await late.close()
    const foreign = await open({}, { priceUnit: 'EUR' })
    expect(await foreign.adapter.call(phoneRequest(), callContext())).not.toHaveProperty('cost')
  })

  it.each([
    ['busy', 'busy'],
    ['no-answer', 'no_answer'],
    ['failed', 'failed'],
  ] as const)('that ends as %s has lasted no second and costs nothing', async (end, status) => {
    const { adapter, loopback } = await open({}, { script: () => ({ end }) })
    const result = await adapter.call(phoneRequest(), callContext())
    expect(result).toMatchObject({ status, durationSeconds: 0 })
    expect(result.usage?.quantities).toEqual([{ meter: 'duration', quantity: 0n, unit: 'seconds' }])
    expect(loopback.invoice).toEqual([])
  })

  it('whose length Twilio does not tell is derived from its times, and never called exact', async () => {
    const { adapter } = await open({}, { script: () => ({ seconds: 31, isSilent: true }) })
    const result = await adapter.call(phoneRequest(), callContext())
    expect(result).toMatchObject({ status: 'completed', durationSeconds: 31, usage: { certainty: 'derived' } })
  })

  it('can take its instructions from a URL or as TwiML, and a caller number of its own', async () => {
    const { adapter } = await open({ machineDetection: 'Enable' })
    await adapter.call(
      phoneRequest({ from: '+15550001111', instructions: { type: 'url', url: 'https://host.test/hello' } }),
      callContext(),
    )
    await adapter.call(phoneRequest({ instructions: { type: 'twiml', twiml: '<Response><Hangup/></Response>' } }), callContext())
    expect(placings().map(({ body }) => body)).toMatchObject([
      { From: '+15550001111', Url: 'https://host.test/hello', MachineDetection: 'Enable' },
      { From: '+15557654321', Twiml: '<Response><Hangup/></Response>' },
    ])
    expect(placings()[0]?.body).not.toHaveProperty('Twiml')
  })

  it.each([
    ['a number to call that is none', { to: '0151 123' }, { providerParameter: 'to' }],
    ['no limit', { durationSecondsMax: Number.NaN }, { providerParameter: 'durationSecondsMax' }],
    ['an endless limit', { durationSecondsMax: Number.POSITIVE_INFINITY }, { providerParameter: 'durationSecondsMax' }],
    ['a limit of less than a second', { durationSecondsMax: 0.5 }, { providerParameter: 'durationSecondsMax' }],
    [
      'instructions that are too long to be sent',
      { instructions: { type: 'say', text: 'x'.repeat(4_000) } as const },
      { providerCode: 'too_long', providerParameter: 'instructions' },
    ],
  ])('with %s is refused before anything is sent, and says what of it is wrong', async (_, given, fault) => {
    const { adapter, loopback } = await open()
    expect(await failureOf(adapter.call(phoneRequest(given), callContext()))).toMatchObject({
      kind: 'invalid_request',
      isRetryable: false,
      ...fault,
    })
    expect(loopback.requests).toHaveLength(0)
  })

  it('without a number to call from is refused before anything is sent', async () => {
    const { adapter, loopback } = await open({ from: undefined })
    const error = await failureOf(adapter.call(phoneRequest(), callContext()))
    expect(error.kind).toBe('invalid_request')
    expect(error.providerParameter).toBe('from')
    expect(loopback.requests).toHaveLength(0)
  })
})

describe('a call by Twilio that may ring though no answer came', () => {
  it.each([
    ['is answered with 500', refusal(500, 20500), { status: 500, providerCode: '20500' }],
    ['is answered with 503', refusal(503, 20503), { status: 503 }],
    ['is answered by a proxy’s page', { type: 'html' } as const, { status: 502 }],
    ['is answered with broken JSON', { type: 'garbage' } as const, {}],
    ['loses its connection', { type: 'destroy' } as const, {}],
    ['is answered with 408', { type: 'status', status: 408, body: '' } as const, { status: 408 }],
    ['is redirected', { type: 'status', status: 307, headers: { location: 'http://127.0.0.1:9/' } } as const, { status: 307 }],
    ['is answered with a success that names no call', { type: 'status', status: 201, body: {} } as const, {}],
  ])('%s: outcome_unknown, not retried, and rung once', async (_, fault, facts) => {
    const { adapter, loopback } = await open()
    loopback.fail(fault, { ...placing(), isDone: true })
    const error = await failureOf(adapter.call(phoneRequest(), callContext()))
    expect(error).toMatchObject({ kind: 'outcome_unknown', isRetryable: false, requestId: undefined, ...facts })
    expect(inspect(error, { depth: 12, showHidden: true })).not.toContain(SECRET)
    await loopback.finish()
    expect(placings()).toHaveLength(1)
    expect(loopback.invoice).toHaveLength(1)
    expect(loopback.invoice[0]).toMatchObject({ input: '+15551234567', cost: '0.01400' })
  })

  it('takes longer than one request may: outcome_unknown, at that time', async () => {
    const { adapter, loopback } = await open({ timeoutMs: 2_000 })
    const silence = loopback.fail({ type: 'silence' }, { ...placing(), isDone: true })
    const error = await failureOf(adapter.call(phoneRequest(), callContext()))
    await silence.struck
    expect(error).toMatchObject({ kind: 'outcome_unknown', isRetryable: false })
    expect(placings()).toHaveLength(1)
  })

  // No request was sent, or none got its answer: a timer that is not a whole number fails, and one above its most ends at once.
  it.each([1_500.5, 2 ** 31, Number.MAX_SAFE_INTEGER])('may take %s ms for one request: it is placed', async (timeoutMs) => {
    const { adapter, loopback } = await open({ timeoutMs, pollMs: 2 })
    expect(await adapter.call(phoneRequest(), callContext())).toMatchObject({ status: 'completed' })
    expect(loopback.invoice).toHaveLength(1)
  })

  it('stalls in the middle of its answer: outcome_unknown', async () => {
    const { adapter, loopback } = await open({ timeoutMs: 2_000 })
    loopback.fail({ type: 'headers_then_hang' }, { ...placing(), isDone: true })
    expect((await failureOf(adapter.call(phoneRequest(), callContext()))).kind).toBe('outcome_unknown')
  })

  it('is misdirected (421), which fetch would repeat by itself: it is sent once', async () => {
    const { adapter, loopback } = await open()
    loopback.fail({ type: 'status', status: 421, body: '' }, { ...placing(), times: 5 })
    expect((await failureOf(adapter.call(phoneRequest(), callContext()))).kind).toBe('invalid_request')
    expect(loopback.calls).toHaveLength(0)
    expect(placings()).toHaveLength(1)
  })

  it('is placed, and then nobody tells how it is: outcome_unknown with its id', async () => {
    const { adapter, loopback } = await open({ pollMs: 2 })
    const look = refusal(500, 20500)
    for (let ordinal = 0; ordinal < 6; ordinal += 1) loopback.fail(look, { method: 'GET' })
    const error = await failureOf(adapter.call(phoneRequest(), callContext()))
    expect(error).toMatchObject({ kind: 'outcome_unknown', isRetryable: false, requestId: loopback.calls[0]?.sid, status: 500 })
    expect(placings()).toHaveLength(1)
  })

  // Such a pause was over at once, and the call was given up while it went on.
  it('is placed, and followed where the pause between two looks is longer than any timer', async () => {
    const { adapter, loopback } = await open({ pollMs: 2 ** 32 }, { goesOnByItself: false })
    const abort = new AbortController()
    const calling = failureOf(adapter.call(phoneRequest(), callContext(abort.signal)))
    await expect.poll(() => loopback.calls.length).toBe(1)
    const looks = () => loopback.requests.filter(({ method }) => method === 'GET').length
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(looks()).toBe(0)
    abort.abort()
    expect(await calling).toMatchObject({ kind: 'outcome_unknown' })
  })

  it('is placed, and our key is refused afterwards: outcome_unknown with its id, and Twilio is not asked again', async () => {
    const { adapter, loopback } = await open({ pollMs: 2 })
    loopback.fail(refusal(401, 20003), { method: 'GET' })
    const error = await failureOf(adapter.call(phoneRequest(), callContext()))
    expect(error).toMatchObject({ kind: 'outcome_unknown', requestId: loopback.calls[0]?.sid })
    expect(loopback.requests).toHaveLength(2)
  })

  it('is placed, and looks at it fail for a while: it is followed to its end all the same', async () => {
    const { adapter, loopback } = await open({ pollMs: 2 })
    loopback.fail({ type: 'destroy' }, { method: 'GET', times: 2 })
    loopback.fail({ type: 'html' }, { method: 'GET' })
    loopback.fail(refusal(429, 20429, { 'retry-after': '0' }), { method: 'GET' })
    loopback.fail({ type: 'garbage' }, { method: 'GET' })
    expect(await adapter.call(phoneRequest(), callContext())).toMatchObject({ status: 'completed', durationSeconds: 49 })
  })

  it('is followed however often looks at it fail, as long as some succeed in between', async () => {
    const { adapter, loopback } = await open({ pollMs: 2 })
    for (let ordinal = 0; ordinal < 3; ordinal += 1) {
      loopback.fail(refusal(503, 20503), { method: 'GET', times: 5 })
      loopback.fail({ type: 'status', status: 200, body: { status: 'ringing' } }, { method: 'GET' })
    }
    expect(await adapter.call(phoneRequest(), callContext())).toMatchObject({ status: 'completed' })
  })

  it('rings on when its caller leaves: outcome_unknown with its id, and it is not hung up', async () => {
    const { adapter, loopback } = await open({}, { goesOnByItself: false })
    const controller = new AbortController()
    const failure = failureOf(adapter.call(phoneRequest(), callContext(controller.signal)))
    await expect.poll(() => loopback.requests.length).toBeGreaterThan(2)
    controller.abort()
    expect(await failure).toMatchObject({ kind: 'outcome_unknown', requestId: loopback.calls[0]?.sid })
    expect(loopback.requests.filter(({ method }) => method === 'POST')).toHaveLength(1)
    await loopback.finish()
    expect(loopback.invoice).toHaveLength(1)
  })

  it('that never ends is given up beyond its limit, so that the wait is bounded', async () => {
    const { adapter, loopback } = await open({ pollMs: 30_000 }, { goesOnByItself: false })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    let isSettled = false
    const failure = failureOf(adapter.call(phoneRequest({ durationSecondsMax: 60 }), callContext())).finally(() => {
      isSettled = true
    })
    let waitedSeconds = 0
    while (!isSettled && waitedSeconds < 3_600) {
      await new Promise((resolve) => setImmediate(resolve))
      if (vi.getTimerCount() === 0) continue
      vi.advanceTimersByTime(10_000)
      waitedSeconds += 10
    }
    vi.useRealTimers()
    expect(await failure).toMatchObject({ kind: 'outcome_unknown', requestId: loopback.calls[0]?.sid })
    // Ten minutes in the queue, one of ringing, one of talking, two to tell; and the pause that went on.
    expect(waitedSeconds).toBeGreaterThanOrEqual(840)
    expect(waitedSeconds).toBeLessThan(1_500)
  })

  it('is looked at less and less often', async () => {
    const { adapter, loopback } = await open({ pollMs: 20 }, { goesOnByItself: false })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const controller = new AbortController()
    const failure = failureOf(adapter.call(phoneRequest(), callContext(controller.signal)))
    for (let waitedMs = 0; waitedMs < 700; ) {
      await new Promise((resolve) => setImmediate(resolve))
      if (vi.getTimerCount() === 0) continue
      vi.advanceTimersByTime(10)
      waitedMs += 10
    }
    vi.useRealTimers()
    controller.abort()
    await failure
    // Without longer pauses there would be some 35.
    expect(loopback.requests.length).toBeLessThan(14)
    expect(loopback.requests.length).toBeGreaterThan(1)
  })
})

describe('a call by Twilio that surely does not ring', () => {
  it('is not placed when nobody listens: network, which may be tried again', async () => {
    const { adapter, unplug, loopback } = await open()
    unplug(true)
    expect(await failureOf(adapter.call(phoneRequest(), callContext()))).toMatchObject({ kind: 'network', isRetryable: true })
    expect(loopback.requests).toHaveLength(0)
  })

  it('is not placed when the name of the host is not found', async () => {
    await open()
    const unknown = await openTwilio(() => ({ fetch: (_, init) => fetch('http://farebox.invalid/', init) }))
    expect((await failureOf(unknown.adapter.call(phoneRequest(), callContext()))).kind).toBe('network')
    await unknown.close()
  })

  it('is not placed when it is aborted before', async () => {
    const { adapter, loopback } = await open()
    expect((await failureOf(adapter.call(phoneRequest(), callContext(AbortSignal.abort())))).kind).toBe('aborted')
    const controller = new AbortController()
    const failure = failureOf(adapter.call(phoneRequest(), callContext(controller.signal)))
    controller.abort()
    expect((await failure).kind).toBe('aborted')
    expect(loopback.requests).toHaveLength(0)
  })

  it.each([
    [401, 20003, 'authentication'],
    [403, 20006, 'authentication'],
    [403, 10001, 'quota_exhausted'],
    [403, 20005, 'quota_exhausted'],
    [402, 1, 'quota_exhausted'],
    [429, 20429, 'rate_limited'],
    [400, 10004, 'rate_limited'],
    [400, 21210, 'unsupported'],
    [400, 21214, 'unsupported'],
    [400, 21215, 'unsupported'],
    [400, 21216, 'unsupported'],
    [400, 21219, 'unsupported'],
    [400, 21201, 'invalid_request'],
    [400, 21211, 'invalid_request'],
    [400, 21212, 'invalid_request'],
    [400, 21999, 'invalid_request'],
    [404, 20404, 'invalid_request'],
  ] as const)('is refused with %i and code %i: %s', async (status, code, kind) => {
    const { adapter, loopback } = await open()
    loopback.fail(refusal(status, code), placing())
    const error = await failureOf(adapter.call(phoneRequest(), callContext()))
    expect(error).toMatchObject({ kind, status, providerCode: String(code), provider: 'twilio' })
    expect(loopback.requests).toHaveLength(1)
  })

  it('is refused in the words of RFC 9457, which newer parts of the API use', async () => {
    const { adapter, loopback } = await open()
    const body = { type: 'https://www.twilio.com/docs/errors/21215', title: 'Geo Permission', status: 400, code: 21215 }
    loopback.fail({ type: 'status', status: 400, body }, placing())
    expect(await failureOf(adapter.call(phoneRequest(), callContext()))).toMatchObject({
      kind: 'unsupported',
      providerCode: '21215',
    })
  })

  it('waits as long as Twilio says, which only the headers tell', async () => {
    const { adapter, loopback } = await open({ now: () => Date.parse('2026-11-28T12:00:00Z') })
    loopback.fail(refusal(429, 20429, { 'retry-after': '7' }), placing())
    expect(await failureOf(adapter.call(phoneRequest(), callContext()))).toMatchObject({ retryAfterMs: 7_000, isRetryable: true })
    loopback.fail(refusal(429, 20429, { 'retry-after': 'Sat, 28 Nov 2026 12:00:03 GMT' }), placing())
    expect(await failureOf(adapter.call(phoneRequest(), callContext()))).toMatchObject({ retryAfterMs: 3_000 })
  })
})

describe('the Twilio adapter', () => {
  it('can use an API key instead of the token', async () => {
    const { adapter, loopback } = await open(
      { apiKey: 'SK1', apiSecret: 'séc:ret', authToken: undefined },
      { apiKey: ['SK1', 'séc:ret'] },
    )
    expect(await adapter.call(phoneRequest(), callContext())).toMatchObject({ status: 'completed' })
    expect(placings()[0]?.headers.authorization).toBe(`Basic ${Buffer.from('SK1:séc:ret').toString('base64')}`)
    expect(loopback.calls).toHaveLength(1)
  })

  it('is redirected by nothing in the environment', async () => {
    vi.stubEnv('TWILIO_EDGE', 'dublin')
    vi.stubEnv('TWILIO_REGION', 'ie1')
    vi.stubEnv('TWILIO_LOG_LEVEL', 'debug')
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:9')
    vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:9')
    const log = vi.spyOn(console, 'log')
    const asked: string[] = []
    const { adapter } = await open({
      baseUrl: undefined,
      fetch: (input, init) => {
        asked.push(String(input))
        return fetch(String(input).replace('https://api.twilio.com', opened.loopback.url), init)
      },
    })
    await adapter.call(phoneRequest(), callContext())
    expect(new Set(asked.map((url) => new URL(url).origin))).toEqual(new Set(['https://api.twilio.com']))
    expect(log).not.toHaveBeenCalled()
  })

  it('is disabled without an account, says what to do, and sends nothing', async () => {
    await open()
    for (const options of [{}, { accountSid: '', authToken: 'x' }, { accountSid: `AC${'a'.repeat(32)}`, apiKey: 'SK1' }]) {
      const adapter = twilio({ ...options, from: '+15557654321' })
      expect(adapter.availability).toMatchObject({ status: 'disabled', reason: expect.stringContaining('TWILIO_ACCOUNT_SID') })
      expect(adapter.offers).toHaveLength(1)
      expect((await failureOf(adapter.call(phoneRequest(), callContext()))).kind).toBe('authentication')
    }
  })

  it('refuses options that cannot be meant, without quoting what may be a token', async () => {
    await open()
    const mixedUp = () => twilio({ accountSid: SECRET, authToken: 'AC1' })
    expect(mixedUp).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(mixedUp).not.toThrow(SECRET)
    expect(() => twilio({ statusCallbackUrl: '/callbacks' })).toThrow('statusCallbackUrl')
    expect(() => twilio({ pollMs: 0 })).toThrow('pollMs must be more than zero, received 0')
  })

  it("loses no key in the errors of a client that is the host's own, whose transport keeps the request in them", async () => {
    await open()
    const client = sdk(opened.loopback.accountSid, SECRET, { timeout: 400 })
    client.api.baseUrl = opened.loopback.url
    const adapter = twilio({ client, from: '+15557654321', pollMs: 5 })
    for (const fault of [{ type: 'destroy' }, { type: 'silence' }] as const) {
      opened.loopback.fail(fault, placing())
      const error = await failureOf(
        adapter.call(phoneRequest({ instructions: { type: 'say', text: 'the heron sleeps' } }), callContext()),
      )
      expect(error).toMatchObject({ kind: 'outcome_unknown', isRetryable: false })
      const told = inspect(error, { depth: 12, showHidden: true })
      for (const secret of [SECRET, Buffer.from(`${opened.loopback.accountSid}:${SECRET}`).toString('base64'), 'heron']) {
        expect(told).not.toContain(secret)
      }
    }
    const nobody = createServer()
    await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve))
    client.api.baseUrl = `http://127.0.0.1:${(nobody.address() as AddressInfo).port}`
    await new Promise((resolve) => nobody.close(resolve))
    expect((await failureOf(adapter.call(phoneRequest(), callContext()))).kind).toBe('network')
  })
})

describe('what a call resource says', () => {
  it('keeps its seconds when its price makes no sense, and its price when its seconds do not', () => {
    const call = { status: 'completed', duration: '49', price: 'gratis', priceUnit: 'USD' }
    expect(readEnd(call)).toMatchObject({ status: 'completed', usage: { certainty: 'exact' } })
    expect(readEnd(call)).not.toHaveProperty('cost')
    const odd = readEnd({ ...call, duration: 'long', price: '-0.02800' })
    expect(odd).not.toHaveProperty('usage')
    expect(odd?.cost && formatUsd(odd.cost)).toBe('0.028')
    // Below zero is what the account paid. Our cost is never below zero, and a charge with such a one would be refused.
    expect(readEnd({ ...call, price: '0.02800' })).not.toHaveProperty('cost')
  })
})
