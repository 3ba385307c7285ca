import { setTimeout as sleep } from 'node:timers/promises'
import { type ChatRequest, credits, ProviderError, quantity } from '@farebox/core'
import { simulated, simulatedOffers } from '@farebox/providers/simulated'
import { context, metrics, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { type FareboxOptions, InsufficientCreditsError, presets } from 'farebox'
import { openTelemetry } from 'farebox/opentelemetry'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openAccount, openBox } from '../farebox/open-box.ts'
import { openLoopback, sdks } from '../farebox/parties.ts'
import { registerTelemetry, type Telemetry } from './trace-calls.ts'

let telemetry: Telemetry
beforeAll(() => {
  telemetry = registerTelemetry()
})
beforeEach(() => telemetry.reset())

const ask = { messages: [{ role: 'user' as const, content: 'Tell me a long story.' }] }
const oneModel = presets.balanced({ primaryAiModel: 'gpt-4o', lastResort: false, fallbackAiModel: null })

async function open(options: Partial<FareboxOptions> = {}, balance = credits(1_000)) {
  const box = await openBox({ telemetry: openTelemetry(), ...options })
  const { accountId } = await openAccount(box, { balance })
  return { box, accountId, workflow: box.workflow({ accountId, name: 'story' }) }
}

/** Runs work inside a span of the host's. */
function inHostSpan<T>(work: () => Promise<T>): Promise<T> {
  return trace.getTracer('host').startActiveSpan('POST /ask', async (span) => work().finally(() => span.end()))
}

const parentOf = (span: { parentSpanContext?: { spanId: string } }) => span.parentSpanContext?.spanId

describe('a chat', () => {
  it('is a span beneath the host’s, with a client span for its attempt, in which the adapter works', async () => {
    const server = await openLoopback({ chat: () => ({ text: 'Once.', promptTokens: 2_000, completionTokens: 500 }) })
    const adapter = sdks[0]?.adapter(server)
    if (!adapter) throw new Error('an adapter was expected')
    let inside: Span | undefined
    const watched = {
      ...adapter,
      chat(...given: Parameters<NonNullable<typeof adapter.chat>>) {
        inside = trace.getActiveSpan()
        return adapter.chat?.(...given) ?? Promise.reject(new Error('it cannot chat'))
      },
    }
    const { workflow, accountId } = await open({ providers: [watched], configuration: oneModel })
    await inHostSpan(() => workflow.chat(ask))
    const [host, call, attempt] = ['POST /ask', 'farebox chat', 'chat gpt-4o'].map((name) => telemetry.span(name))
    if (!host || !call || !attempt) throw new Error('three spans were expected')
    expect([parentOf(call), parentOf(attempt)]).toEqual([host.spanContext().spanId, call.spanContext().spanId])
    expect([call.kind, attempt.kind]).toEqual([SpanKind.INTERNAL, SpanKind.CLIENT])
    expect(inside?.spanContext().spanId).toBe(attempt.spanContext().spanId)
    expect(attempt.attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.response.model': expect.stringContaining('gpt-4o'),
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 2_000,
      'gen_ai.usage.output_tokens': 500,
      'farebox.usage.certainty': 'exact',
      'farebox.service': 'gpt',
      'farebox.provider': 'gpt-4o',
      'farebox.adapter': 'openai',
      'farebox.workflow.id': workflow.id,
      'farebox.attempt.id': expect.stringMatching(/\.1$/),
      'farebox.attempt.cause': 'first',
      'farebox.attempt.outcome': 'succeeded',
      'farebox.attempt.time_to_first_answer': expect.any(Number),
      'farebox.provider.request_id': expect.any(String),
      'farebox.simulated': false,
    })
    expect(call.attributes).toMatchObject({
      'farebox.account.id': accountId,
      'farebox.workflow.id': workflow.id,
      'farebox.workflow.name': 'story',
      'farebox.operation': 'chat',
      'farebox.outcome': 'succeeded',
      'farebox.provider': 'gpt-4o',
      'farebox.credits.used': 20,
      'farebox.credits.held': expect.any(Number),
    })
    expect(Object.keys(call.attributes).filter((name) => name.startsWith('gen_ai'))).toEqual([])
    expect(await telemetry.points('gen_ai.client.token.usage')).toEqual(
      [
        ['input', 2_000],
        ['output', 500],
      ].map(([type, sum]) => ({
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'openai',
          'gen_ai.request.model': 'gpt-4o',
          'gen_ai.token.type': type,
          'farebox.service': 'gpt',
          'farebox.provider': 'gpt-4o',
        },
        value: expect.objectContaining({ count: 1, sum }),
      })),
    )
    const measured = await telemetry.points('gen_ai.client.operation.duration')
    expect(measured).toMatchObject([{ attributes: { 'gen_ai.provider.name': 'openai' }, value: { count: 1 } }])
    expect(await telemetry.points('farebox.credits.charged')).toEqual([
      { attributes: { 'farebox.service': 'gpt', 'farebox.operation': 'chat' }, value: 20 },
    ])
  })

  it('that falls back has a span for each attempt, and the failed ones say why', async () => {
    const failures = { 'gpt-4o': { kind: 'overloaded', status: 503 } } as const
    const configuration = presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: 'gpt-4o-mini' })
    const { workflow } = await open({ providers: [simulated({ failures })], configuration, retries: { triesMax: 1 } })
    await workflow.chat(ask)
    const failed = telemetry.span('chat gpt-4o')
    expect(failed.attributes).toMatchObject({
      'error.type': 'overloaded',
      'http.response.status_code': 503,
      'farebox.attempt.outcome': 'failed',
    })
    expect(failed.status).toEqual({ code: SpanStatusCode.ERROR })
    const served = telemetry.span('chat gpt-4o-mini')
    expect(served.attributes).toMatchObject({ 'farebox.attempt.cause': 'fallback', 'farebox.attempt.outcome': 'succeeded' })
    const call = telemetry.span('farebox chat')
    expect([parentOf(failed), parentOf(served)]).toEqual([call.spanContext().spanId, call.spanContext().spanId])
    expect(call.status.code).toBe(SpanStatusCode.UNSET)
    const errors = (await telemetry.points('gen_ai.client.operation.duration')).map(({ attributes }) => attributes)
    expect(errors).toContainEqual(expect.objectContaining({ 'error.type': 'overloaded', 'gen_ai.request.model': 'gpt-4o' }))
  })

  it('that nobody serves is a failed span with the code of its error', async () => {
    const { workflow } = await open({
      providers: [simulated({ failures: { 'gpt-4o': { kind: 'invalid_request' } } })],
      configuration: oneModel,
    })
    await expect(workflow.chat(ask)).rejects.toMatchObject({ code: 'REQUEST_REJECTED' })
    const { attributes, status } = telemetry.span('farebox chat')
    expect([attributes['error.type'], attributes['farebox.outcome'], status.code]).toEqual([
      'REQUEST_REJECTED',
      'failed',
      SpanStatusCode.ERROR,
    ])
  })

  it('that cannot be paid has no attempt, and is counted as refused', async () => {
    const { workflow } = await open({ configuration: oneModel }, credits(0))
    await expect(workflow.chat(ask)).rejects.toBeInstanceOf(InsufficientCreditsError)
    expect(telemetry.spans().map(({ name }) => name)).toEqual(['farebox chat'])
    const { attributes, status } = telemetry.span('farebox chat')
    expect(attributes).toMatchObject({ 'farebox.outcome': 'refused', 'error.type': 'INSUFFICIENT_CREDITS' })
    // Being refused is an answer, and no failure of ours.
    expect(status.code).toBe(SpanStatusCode.UNSET)
    expect(await telemetry.points('farebox.refusals')).toContainEqual({
      attributes: { 'farebox.service': 'gpt', 'farebox.refusal.reason': 'INSUFFICIENT_CREDITS' },
      value: expect.any(Number),
    })
  })
})

describe('a stream', () => {
  it('is one span until it has ended, and what its generator does belongs to it', async () => {
    const seen: (string | undefined)[] = []
    const inner = simulated()
    const provider = {
      ...inner,
      async *streamChat(request: ChatRequest, call: Parameters<NonNullable<typeof inner.chat>>[1]) {
        for await (const event of inner.streamChat?.(request, call) ?? []) {
          seen.push(trace.getActiveSpan()?.spanContext().spanId)
          yield event
        }
      },
    }
    const { workflow } = await open({ providers: [provider], configuration: oneModel })
    const stream = await workflow.streamChat(ask)
    expect(telemetry.spans()).toEqual([])
    // It is read where another span is active, as it is by a host that answers.
    await inHostSpan(async () => {
      for await (const _ of stream.events);
    })
    await stream.settled
    const attempt = telemetry.span('chat gpt-4o')
    expect(seen.length).toBeGreaterThan(3)
    expect(new Set(seen)).toEqual(new Set([attempt.spanContext().spanId]))
    expect(attempt.attributes).toMatchObject({
      'farebox.attempt.outcome': 'succeeded',
      'gen_ai.response.model': 'gpt-4o',
      'gen_ai.usage.output_tokens': expect.any(Number),
    })
    expect(telemetry.span('farebox chat').attributes).toMatchObject({ 'farebox.stream': true, 'farebox.credits.used': 1 })
  })

  it('that is cut ends as a failure, with what was charged', async () => {
    const failures = { 'gpt-4o': { kind: 'incomplete', afterParts: 3 } } as const
    const { workflow } = await open({ providers: [simulated({ failures })], configuration: oneModel })
    const stream = await workflow.streamChat(ask)
    await expect(Array.fromAsync(stream.events)).rejects.toMatchObject({ code: 'STREAM_CUT' })
    await stream.settled
    expect(telemetry.span('chat gpt-4o')).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'farebox.attempt.outcome': 'cut', 'error.type': 'incomplete' },
    })
    expect(telemetry.span('farebox chat')).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'farebox.outcome': 'cut', 'farebox.credits.used': 1 },
    })
  })

  it('that its reader leaves is no failure', async () => {
    const { workflow } = await open({ configuration: oneModel })
    const stream = await workflow.streamChat(ask)
    for await (const _ of stream.events) break
    await stream.settled
    expect(telemetry.span('chat gpt-4o')).toMatchObject({
      status: { code: SpanStatusCode.UNSET },
      attributes: { 'farebox.attempt.outcome': 'left' },
    })
    expect(telemetry.span('farebox chat').attributes).toMatchObject({ 'farebox.outcome': 'left' })
  })
})

it('speech, telephone calls, live sound and recorded work are told in their own units', async () => {
  const { workflow } = await open()
  await workflow.speak({ text: 'Your taxi is here.' })
  const instructions = { type: 'say', text: 'Your taxi is here.' } as const
  await workflow.call({ to: '+15551234567', instructions, durationSecondsMax: 60 })
  const sound = async function* () {
    yield new Uint8Array(16_000).fill(0xff)
  }
  const live = await workflow.listen({ audio: sound(), format: { encoding: 'mulaw', sampleRate: 8_000 } })
  await Array.fromAsync(live.events)
  await live.settled
  await workflow.record('phone', 'twilio', 2, 'minutes')
  const spoken = telemetry.spans().find(({ name }) => name.startsWith('speak '))
  expect(spoken?.attributes).toMatchObject({
    'gen_ai.operation.name': 'speak',
    'gen_ai.output.type': 'speech',
    'farebox.usage.characters': 18,
  })
  const called = telemetry.spans().find(({ name }) => name.startsWith('call '))
  expect(called?.attributes).toMatchObject({ 'farebox.service': 'phone', 'farebox.usage.seconds': expect.any(Number) })
  expect(Object.keys(called?.attributes ?? {}).filter((name) => name.startsWith('gen_ai'))).toEqual([])
  const heard = telemetry.spans().find(({ name }) => name.startsWith('listen '))
  expect(heard?.attributes).toMatchObject({ 'farebox.attempt.outcome': 'succeeded', 'farebox.usage.seconds': 2 })
  expect(telemetry.span('farebox listen').attributes).toMatchObject({ 'farebox.credits.used': 1 })
  expect(await telemetry.points('farebox.credits.charged')).toContainEqual({
    attributes: { 'farebox.service': 'phone', 'farebox.operation': 'record' },
    value: 40,
  })
})

it('quantities of one unit are told as their sum, however many meters count them', async () => {
  const [offer] = simulatedOffers.filter(({ service }) => service === 'voice_tts')
  if (!offer) throw new Error('an offer was expected')
  const adapter = simulated({ name: 'own', offers: [offer] })
  const { speak } = adapter
  adapter.speak = async (request, call) => {
    const answer = await speak?.call(adapter, request, call)
    if (!answer?.usage) throw new Error('an answer was expected')
    const [first] = answer.usage.quantities
    if (!first) throw new Error('a quantity was expected')
    const quantities = [first, { meter: 'markup', quantity: quantity(7), unit: first.unit }]
    return { ...answer, usage: { ...answer.usage, quantities } }
  }
  const { workflow } = await open({ providers: [adapter] })
  await workflow.speak({ text: 'Your taxi is here.' }).catch(() => undefined)
  const spoken = telemetry.spans().find(({ name }) => name.startsWith('speak '))
  expect(spoken?.attributes['farebox.usage.characters']).toBe(25)
})

describe('what callers say', () => {
  const SECRET = 'marker-7f3a'
  const KEY = 'sk-loopback-secret-key'

  /** Says the marker to everything, and lets providers say it back where they can, in answers and in errors. */
  async function sayIt(options: Partial<FareboxOptions>): Promise<string[]> {
    const server = await openLoopback({ apiKey: 'another', chat: () => ({ text: SECRET }) })
    const rejecting = { ...simulated({ services: ['voice_tts'], name: 'rude', offers: simulatedOffers }) }
    rejecting.speak = async () => {
      throw new ProviderError(`cannot say ${SECRET}`, { provider: 'rude', kind: 'invalid_request', providerCode: `no ${SECRET}` })
    }
    const wrongKey = sdks[0]?.adapter({ ...server, apiKey: KEY })
    if (!wrongKey) throw new Error('an adapter was expected')
    const logged: string[] = []
    const log = (...given: unknown[]) => void logged.push(JSON.stringify(given))
    const { workflow, box } = await open({
      providers: [wrongKey, rejecting, simulated({ except: [...wrongKey.offers, ...rejecting.offers] })],
      logger: { debug: log, info: log, warn: log, error: log },
      ...options,
    })
    const messages = [{ role: 'user' as const, content: SECRET }]
    await workflow.chat({ messages, provider: 'gpt-4o' }).catch(() => undefined)
    await workflow.chat({ messages, provider: 'claude-3-haiku' })
    const stream = await workflow.streamChat({ messages, provider: 'claude-3-haiku' })
    await Array.fromAsync(stream.events)
    await stream.settled
    await workflow.speak({ text: SECRET }).catch(() => undefined)
    await workflow.call({ to: '+15551234567', instructions: { type: 'say', text: SECRET }, durationSecondsMax: 60 })
    box.background(Promise.reject(new Error(`about ${SECRET}`)))
    const metrics = await (await box.routes()(new Request('http://box/metrics'))).text()
    return [await telemetry.everything(), logged.join('\n'), metrics]
  }

  it('is in no span, metric or log, and keys are not either', async () => {
    const [traced = '', logged = '', metrics = ''] = await sayIt({})
    for (const told of [traced, logged, metrics]) {
      expect(told).not.toContain(SECRET)
      expect(told).not.toContain(KEY)
      expect(told).not.toContain('+15551234567')
    }
    // It was looked for where something is told at all.
    expect(traced).toContain('chat claude-3-haiku')
    expect(logged).toMatch(/an attempt failed.*background work failed/s)
    expect(metrics).toContain('farebox_attempts_total')
  })

  it('is on the spans of attempts where the host wants it to be', async () => {
    const [traced = '', logged = '', metrics = ''] = await sayIt({ telemetry: openTelemetry({ recordContent: true }) })
    const spans = telemetry.spans().filter(({ name }) => name === 'chat claude-3-haiku')
    expect(spans).toHaveLength(2)
    for (const { attributes } of spans) {
      expect(JSON.parse(String(attributes['gen_ai.input.messages']))).toEqual([
        { role: 'user', parts: [{ type: 'text', content: SECRET }] },
      ])
      expect(JSON.parse(String(attributes['gen_ai.output.messages']))).toMatchObject([
        { role: 'assistant', parts: [{ type: 'text', content: expect.stringContaining(SECRET) }], finish_reason: 'stop' },
      ])
    }
    expect(traced).not.toContain(KEY)
    expect([logged, metrics].join()).not.toContain(SECRET)
  })
})

it('what a call took and held is told in seconds and in whole credits, and its tokens as the conventions count them', async () => {
  const provider = simulated({ services: ['gpt'] })
  const tokens = { input: 10, cached_input: 4, cached_audio_input: 3, cache_write_5m: 2, audio_input: 1 }
  const told = { ...tokens, output: 7, audio_output: 5, reasoning: 6 }
  const quantities = Object.entries(told).map(([meter, count]) => ({ meter, quantity: quantity(count), unit: 'tokens' as const }))
  const adapter = {
    ...provider,
    async chat() {
      await sleep(50)
      return { text: 'Once.', finishReason: 'stop' as const, model: 'gpt-4o', usage: { quantities, certainty: 'exact' as const } }
    },
  }
  const { box, accountId, workflow } = await open({ providers: [adapter], configuration: oneModel })
  const before = await secondsOf()
  await workflow.chat(ask)
  const after = await secondsOf()
  // It took 50 milliseconds or more, and by far not as many seconds.
  const most = 40
  const [call, attempt] = [telemetry.span('farebox chat'), telemetry.span('chat gpt-4o')]
  expect(after.map((seconds, index) => seconds - (before[index] ?? 0) <= most)).toEqual([true, true])
  expect(attempt.attributes['farebox.attempt.time_to_first_answer']).toBeLessThanOrEqual(most)
  expect(attempt.attributes).toMatchObject({
    'gen_ai.usage.input_tokens': 20,
    'gen_ai.usage.output_tokens': 18,
    'gen_ai.usage.cache_read.input_tokens': 7,
    'gen_ai.usage.cache_creation.input_tokens': 2,
  })
  const { items } = await box.ledger.statement(accountId)
  const held = items.flatMap(({ postings }) => postings).filter(([bucket, amount]) => bucket === 'held' && amount > 0n)
  expect(held.map(([, amount]) => amount)).toEqual([credits(String(call.attributes['farebox.credits.held']))])
})

/** The seconds that all calls, and all attempts, have taken so far. */
async function secondsOf(): Promise<number[]> {
  const names = ['farebox.call.duration', 'gen_ai.client.operation.duration']
  const told = await Promise.all(names.map((name) => telemetry.points(name)))
  return told.map((points) => points.reduce((sum, { value }) => sum + (value as { sum: number }).sum, 0))
}

it('without an SDK nothing is recorded, and calls are not held up by telemetry that fails', async () => {
  trace.disable()
  context.disable()
  const broken = { begin: () => ({ held: fail, attempted: fail, ended: fail, attempting: fail }) }
  const deaf = { begin: () => ({ attempting: () => ({ run: <T>(work: () => T) => work(), answered: fail }) }) }
  const { workflow } = await open({ telemetry: [openTelemetry(), broken, deaf, { begin: fail }], configuration: oneModel })
  expect((await workflow.chat(ask)).provider).toBe('gpt-4o')
  const stream = await workflow.streamChat(ask)
  await Array.fromAsync(stream.events)
  expect(await stream.settled).toMatchObject({ isComplete: true })
  expect(telemetry.spans()).toEqual([])
})

it('an SDK that the host registers after the first calls is told of the later ones', async () => {
  for (const api of [trace, context, metrics]) api.disable()
  const { workflow } = await open({ configuration: oneModel })
  await workflow.chat(ask)
  telemetry = registerTelemetry()
  await workflow.chat(ask)
  expect(telemetry.spans().map(({ name }) => name)).toEqual(['chat gpt-4o', 'farebox chat'])
  expect(await telemetry.points('farebox.holds')).toEqual([{ attributes: { 'farebox.service': 'gpt' }, value: 1 }])
})

function fail(): never {
  throw new Error('the observer is broken')
}
