import { getEventListeners } from 'node:events'
import { inspect } from 'node:util'
import {
  type ChatEvent,
  type ChatResult,
  type EmbedResult,
  formatQuantity,
  isFareboxError,
  isServiceName,
  type PhoneResult,
  type ProviderError,
  quantity,
  type SpeakResult,
  type SpeechEvent,
  type TranscribeResult,
  type Usage,
} from '@farebox/core'
import { afterEach, beforeEach, describe, expect, it, type TestFunction } from 'vitest'
import { type ConformanceOptions, type Method, methods, type ProviderUnderTest, streamMethods } from './provider-under-test.ts'
import { CALL_SECONDS_MAX, changedMind, context, PROMPT, type SampleEvent, SOUND_SECONDS, samplesOf } from './sample-calls.ts'

/**
 * Tests an adapter against the contract of `ProviderAdapter`: its usage reports, how its streams end, how it classifies errors,
 * and that a signal ends every call. Run it inside a vitest file, once for each way to open the adapter.
 */
export function exerciseProviderAdapter(name: string, open: () => Promise<ProviderUnderTest>, options: ConformanceOptions): void {
  const has = (method: Method) => options.methods.includes(method)
  const streams = streamMethods.filter(has)
  const secrets = [PROMPT, ...(options.secrets ?? [])]
  const { sampleCall, sampleStream } = samplesOf(options.speechFormat ?? 'mp3')

  describe(`${name} as a provider adapter`, () => {
    let opened: ProviderUnderTest
    beforeEach(async () => {
      opened = await open()
    })
    afterEach(() => opened.close())

    claim('has the methods that its test declares, and no others', () => {
      expect(methods.filter((method) => opened.adapter[method] !== undefined)).toEqual(methods.filter(has))
    })

    claim('lists what it sells, each pair of service and provider once', () => {
      const { offers } = opened.adapter
      expect(offers.length).toBeGreaterThan(0)
      expect(new Set(offers.map(({ service, provider }) => `${service} ${provider}`)).size).toBe(offers.length)
      for (const offer of offers) {
        expect(isServiceName(offer.service), offer.service).toBe(true)
        expect(offer.provider).not.toBe('')
        expect(offer.model).not.toBe('')
        expect(offer.quality).toBeGreaterThanOrEqual(0)
        expect(offer.quality).toBeLessThanOrEqual(1)
        expect(offer.latencyMs).toBeGreaterThanOrEqual(0)
      }
    })

    if (has('chat')) {
      claim('a chat answers with text and with usage in meters that count nothing twice', async () => {
        const result = (await sampleCall(opened.adapter, 'chat')) as ChatResult
        expect(result.text).not.toBe('')
        expect(result.finishReason).toBe('stop')
        expect(result.model).not.toBe('')
        expectUsage(result.usage, 'exact')
        expect(result.usage?.raw).toBeDefined()
      })
    }

    if (has('chat') && has('streamChat')) {
      claim('a streamed chat and a plain one agree on text, reason, model and usage', async () => {
        const plain = (await sampleCall(opened.adapter, 'chat')) as ChatResult
        const events = (await sampleCall(opened.adapter, 'streamChat')) as ChatEvent[]
        const finish = events.at(-1)
        if (finish?.type !== 'finish') throw new Error(`the last event is ${finish?.type}`)
        expect(events.map((event) => (event.type === 'text' ? event.text : '')).join('')).toBe(plain.text)
        expect(finish.finishReason).toBe(plain.finishReason)
        expect(finish.model).toBe(plain.model)
        expect(finish.usage?.quantities).toEqual(plain.usage?.quantities)
        expect(finish.usage?.certainty).toBe(plain.usage?.certainty)
      })

      claim('usage of a chat that was not reported stays undefined, plain and streamed', async () => {
        opened.arrange('chat', { type: 'unreported_usage' })
        expect((await sampleCall(opened.adapter, 'chat')) as ChatResult).not.toHaveProperty('usage.quantities')
        opened.arrange('streamChat', { type: 'unreported_usage' })
        const events = (await sampleCall(opened.adapter, 'streamChat')) as ChatEvent[]
        expect(events.at(-1)).toMatchObject({ type: 'finish' })
        expect(events.at(-1)).not.toHaveProperty('usage.quantities')
      })
    }

    if (has('transcribe')) {
      claim('a transcription reports its text and the seconds that it is priced by', async () => {
        const result = (await sampleCall(opened.adapter, 'transcribe')) as TranscribeResult
        expect(result.text).not.toBe('')
        expectUsage(result.usage, 'exact')
        expect(result.usage?.quantities).toContainEqual(expect.objectContaining({ meter: 'duration', unit: 'seconds' }))
        expect(result.durationSeconds).toBeGreaterThan(0)
      })

      claim('usage of a transcription that was not reported is never called exact', async () => {
        opened.arrange('transcribe', { type: 'unreported_usage' })
        const result = (await sampleCall(opened.adapter, 'transcribe')) as TranscribeResult
        expect(result.usage?.certainty).not.toBe('exact')
      })
    }

    if (has('speak')) {
      claim('a speech has sound, and counts the characters that it is priced by', async () => {
        const result = (await sampleCall(opened.adapter, 'speak')) as SpeakResult
        expect(result.audio.length).toBeGreaterThan(0)
        expectUsage(result.usage)
        const characters = result.usage?.quantities.find(({ meter }) => meter === 'characters')
        expect(characters && formatQuantity(characters.quantity)).toBe(String(PROMPT.length))
      })
    }

    if (has('speak') && has('streamSpeech')) {
      claim('a streamed speech and a plain one agree on sound and usage', async () => {
        const plain = (await sampleCall(opened.adapter, 'speak')) as SpeakResult
        const events = (await sampleCall(opened.adapter, 'streamSpeech')) as SpeechEvent[]
        const finish = events.at(-1)
        if (finish?.type !== 'finish') throw new Error(`the last event is ${finish?.type}`)
        expect(Buffer.concat(events.map((event) => (event.type === 'audio' ? event.audio : new Uint8Array())))).toEqual(
          Buffer.from(plain.audio),
        )
        expect(finish.usage?.quantities).toEqual(plain.usage?.quantities)
        expect(finish.usage?.certainty).toBe(plain.usage?.certainty)
      })
    }

    if (has('embed')) {
      claim('an embedding has a vector for each text, and reports the tokens that it is priced by', async () => {
        const result = (await sampleCall(opened.adapter, 'embed')) as EmbedResult
        expect(result.embeddings).toHaveLength(2)
        for (const vector of result.embeddings) expect(vector.every(Number.isFinite) && vector.length > 0).toBe(true)
        expectUsage(result.usage, 'exact')
        opened.arrange('embed', { type: 'unreported_usage' })
        expect(await sampleCall(opened.adapter, 'embed')).not.toHaveProperty('usage.quantities')
      })
    }

    if (has('call')) {
      claim('a call tells how it ended and the seconds that it is priced by, which are within its limit', async () => {
        const result = (await sampleCall(opened.adapter, 'call')) as PhoneResult
        expect(result).toMatchObject({ callId: expect.stringMatching(/./), status: 'completed' })
        expect(result.durationSeconds).toBeGreaterThan(0)
        expect(result.durationSeconds).toBeLessThanOrEqual(CALL_SECONDS_MAX)
        expectUsage(result.usage, 'exact')
        const seconds = quantity(result.durationSeconds)
        expect(result.usage?.quantities).toEqual([{ meter: 'duration', quantity: seconds, unit: 'seconds' }])
      })
    }

    for (const method of streams.filter((stream) => stream === 'streamTranscription' || stream === 'converse')) {
      claim(`${method}: says that it is open before it reads what it is fed with`, async () => {
        let read = 0
        const events = sampleStream(opened.adapter, method, context(), () => (read += 1))[Symbol.asyncIterator]()
        expect((await events.next()).value).toMatchObject({ type: 'open' })
        expect(read).toBe(0)
        await drain(events)
        expect(read).toBeGreaterThan(0)
      })
    }

    if (has('streamTranscription')) {
      claim('a live transcription tells what it heard, and the seconds that it is priced by', async () => {
        const events = (await sampleCall(opened.adapter, 'streamTranscription')) as SampleEvent[]
        expect(events).toContainEqual(expect.objectContaining({ type: 'transcript', isFinal: true }))
        const { usage } = finishOf(events)
        expectUsage(usage)
        const duration = usage?.quantities.find(({ meter }) => meter === 'duration')
        expect(duration && Number(formatQuantity(duration.quantity))).toBeCloseTo(SOUND_SECONDS, 1)
      })

      claim('usage of a live transcription that was not reported is never called exact', async () => {
        opened.arrange('streamTranscription', { type: 'unreported_usage' })
        const events = (await sampleCall(opened.adapter, 'streamTranscription')) as SampleEvent[]
        expect(finishOf(events).usage?.certainty).not.toBe('exact')
      })
    }

    if (has('converse')) {
      claim('a conversation answers in sound, and tells with each turn what it used', async () => {
        const events = (await sampleCall(opened.adapter, 'converse')) as SampleEvent[]
        expect(events.some(({ type }) => type === 'audio')).toBe(true)
        const turns = events.filter(({ type }) => type === 'turn')
        expect(turns).toHaveLength(1)
        expectUsage(turns[0]?.usage, 'exact')
        finishOf(events)
        opened.arrange('converse', { type: 'unreported_usage' })
        const silent = (await sampleCall(opened.adapter, 'converse')) as SampleEvent[]
        expect(silent.find(({ type }) => type === 'turn')).not.toHaveProperty('usage.quantities')
      })

      claim('a conversation that tells when an answer begins does so before the answer, and once for each turn', async () => {
        const { adapter } = opened
        const told: string[] = []
        const onAnswer = () => void told.push('answer')
        const converse: typeof adapter.converse = (request, given) =>
          adapter.converse?.({ ...request, onAnswer }, given) ?? none()
        for await (const { type } of sampleStream(Object.assign(Object.create(adapter), { converse }), 'converse'))
          told.push(type)
        const begun = told.filter((type) => type === 'answer')
        if (begun.length === 0) return
        expect(told.find((type) => ['answer', 'audio', 'text', 'tool_call', 'turn'].includes(type))).toBe('answer')
        expect(told.filter((type) => type === 'turn')).toHaveLength(begun.length)
      })

      claim('a conversation tells the turn of an answer that was cancelled before it began', async () => {
        const told: SampleEvent[] = []
        for await (const event of sampleStream(opened.adapter, 'converse', context(), undefined, changedMind())) told.push(event)
        expect(told.filter(({ type }) => type === 'turn')).toHaveLength(1)
        expect(told.find(({ type }) => type === 'turn')).toHaveProperty('isComplete', false)
        finishOf(told)
      })
    }

    for (const method of streams) {
      claim(`${method}: a stream without its closing mark is incomplete, never a success`, async () => {
        opened.arrange(method, { type: 'truncated_answer' })
        const error = await failureOf(sampleCall(opened.adapter, method))
        expect(error.kind).toBe('incomplete')
        expect(error.usage?.certainty).not.toBe('exact')
      })

      claim(`${method}: a stream that stalls half-way ends when the signal fires`, async () => {
        const arranged = opened.arrange(method, { type: 'stalled_answer' })
        const controller = new AbortController()
        const events = sampleStream(opened.adapter, method, context(controller.signal))[Symbol.asyncIterator]()
        expect((await events.next()).done).toBe(false)
        const rest = failureOf(drain(events))
        await arranged.struck
        controller.abort()
        // The provider still hangs here, so only the signal can have ended the stream.
        expect((await rest).kind).toBe('aborted')
        arranged.release()
      })
    }

    for (const method of options.methods) {
      const isIrrevocable = options.irrevocable?.includes(method) ?? false

      claim(`${method}: an abort ends a call that gets no answer`, async () => {
        const arranged = opened.arrange(method, { type: 'no_answer' })
        const controller = new AbortController()
        const failure = failureOf(sampleCall(opened.adapter, method, context(controller.signal)))
        await arranged.struck
        controller.abort()
        const error = await failure
        arranged.release()
        expect(error.kind).toBe(isIrrevocable ? 'outcome_unknown' : 'aborted')
        expect(error.isRetryable).toBe(false)
      })

      claim(`${method}: a deadline ends a call whose answer stalls, and is told apart from an abort`, async () => {
        const arranged = opened.arrange(method, { type: 'stalled_answer' })
        const controller = new AbortController()
        const failure = failureOf(sampleCall(opened.adapter, method, context(controller.signal)))
        await arranged.struck
        controller.abort(new DOMException('the deadline passed', 'TimeoutError'))
        const error = await failure
        arranged.release()
        expect(error.kind).toBe(isIrrevocable ? 'outcome_unknown' : 'timeout')
      })

      claim(`${method}: a call whose signal has already fired is not made`, async () => {
        const error = await failureOf(sampleCall(opened.adapter, method, context(AbortSignal.abort())))
        expect(error.kind).toBe('aborted')
      })

      claim(`${method}: leaves nothing behind on the caller's signal`, async () => {
        const controller = new AbortController()
        await sampleCall(opened.adapter, method, context(controller.signal))
        expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
      })

      for (const kind of options.failureKinds) {
        claim(`${method}: a failure of kind ${kind} is classified, and tells no secrets`, async () => {
          opened.arrange(method, { type: 'failure', kind })
          const error = await failureOf(sampleCall(opened.adapter, method))
          expect(error.kind).toBe(kind)
          expect(error.provider).toBe(opened.adapter.name)
          const told = inspect(error, { depth: 12, showHidden: true })
          for (const secret of secrets) expect(told).not.toContain(secret)
        })
      }
    }

    function claim(claimed: string, run: TestFunction): void {
      const reason = options.skip?.[claimed]
      if (reason === undefined) it(claimed, run)
      else it.skip(`${claimed} (skipped: ${reason})`, run)
    }
  })
}

async function* none(): AsyncGenerator<never, void, undefined> {}

/** The ProviderError that `work` fails with. Any other outcome fails the test. */
async function failureOf(work: Promise<unknown>): Promise<ProviderError> {
  const thrown = await work.then(
    (value) => expect.unreachable(`the call succeeded with ${inspect(value)}`),
    (error: unknown) => error,
  )
  if (!isProviderError(thrown)) throw new Error(`not a ProviderError: ${inspect(thrown)}`, { cause: thrown })
  return thrown
}

/** Checks the code rather than the class, because an adapter may load its own copy of core. */
function isProviderError(thrown: unknown): thrown is ProviderError {
  return isFareboxError(thrown) && thrown.code === 'PROVIDER_ERROR'
}

function expectUsage(usage: Usage | undefined, certainty?: Usage['certainty']): void {
  if (!usage) throw new Error('the usage was not reported')
  const meters = usage.quantities.map(({ meter }) => meter)
  expect(new Set(meters).size).toBe(meters.length)
  expect(usage.quantities.reduce((sum, { quantity }) => sum + quantity, 0n)).toBeGreaterThan(0n)
  for (const { quantity } of usage.quantities) expect(quantity).toBeGreaterThanOrEqual(0n)
  if (certainty) expect(usage.certainty).toBe(certainty)
}

/** The `finish` event, which must end the stream. */
function finishOf(events: readonly SampleEvent[]): SampleEvent {
  const last = events.at(-1)
  if (last?.type !== 'finish') throw new Error(`the last event is ${last?.type}`)
  return last
}

async function drain(events: AsyncIterator<unknown>): Promise<void> {
  while (!(await events.next()).done) {
    // Only the end matters.
  }
}
