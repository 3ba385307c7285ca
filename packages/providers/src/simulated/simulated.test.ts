import { readFileSync } from 'node:fs'
import { type CallContext, formatQuantity, type ProviderErrorKind, type SpeechEvent, type Usage } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { readWav } from '../adapter/wav.ts'
import { exerciseProviderAdapter, type Method } from '../conformance/index.ts'
import { simulated } from './simulated.ts'
import type { SimulatedFailure } from './simulated-failure.ts'
import { simulatedOffers } from './simulated-offers.ts'

const question = new Uint8Array(readFileSync(new URL('../../../../examples/gateway/question.wav', import.meta.url)))
const context: CallContext = { signal: new AbortController().signal, attemptId: 'a1' }
const ask = (content: string) => ({ model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }] })

const streams: ReadonlySet<Method> = new Set(['streamChat', 'streamTranscription', 'streamSpeech', 'converse'])

exerciseProviderAdapter(
  'simulated',
  async () => {
    const queue: { failure: SimulatedFailure; strike: () => void }[] = []
    const adapter = simulated({
      failures: () => {
        const next = queue.shift()
        next?.strike()
        return next?.failure
      },
    })
    return {
      adapter,
      arrange: (method, situation) => {
        const { promise: struck, resolve: strike } = Promise.withResolvers<void>()
        const isStream = streams.has(method)
        queue.push({ failure: failureFor(situation, isStream), strike })
        return { struck, release: () => {} }
      },
      close: async () => {},
    }
  },
  {
    methods: ['chat', 'streamChat', 'transcribe', 'streamTranscription', 'speak', 'streamSpeech', 'converse', 'embed', 'call'],
    failureKinds: [
      'rate_limited',
      'overloaded',
      'unavailable',
      'network',
      'timeout',
      'authentication',
      'invalid_request',
      'outcome_unknown',
    ],
  },
)

function failureFor(situation: { type: string; kind?: ProviderErrorKind }, isStream: boolean): SimulatedFailure {
  switch (situation.type) {
    case 'unreported_usage':
      return { kind: 'unreported_usage' }
    case 'no_answer':
      return { kind: 'stall' }
    case 'stalled_answer':
      return { kind: 'stall', afterParts: isStream ? 1 : 0 }
    case 'truncated_answer':
      return { kind: 'incomplete' }
    default:
      return { kind: situation.kind ?? 'unavailable' }
  }
}

describe('simulated', () => {
  it('answers the same request in the same way, and differently from another seed', async () => {
    const answers = [1, 1, 2, 3, 4].map((seed) => simulated({ seed }).chat?.(ask('What is a fare?'), context))
    const texts = (await Promise.all(answers)).map((answer) => answer?.text)
    expect(texts[0]).toBe(texts[1])
    expect(new Set(texts).size).toBeGreaterThan(1)
  })

  it('speaks about what was said last, and counts the images that it was shown', async () => {
    const answer = await simulated().chat?.(
      {
        model: 'gpt-4o',
        messages: [
          { role: 'user', content: 'first' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'what is this?' },
              { type: 'image', url: 'data:image/png;base64,AA==' },
            ],
          },
        ],
      },
      context,
    )
    expect(answer?.text).toContain('what is this?')
    expect(answer?.text).toContain('an image')
    expect(answer?.text).not.toContain('first')
  })

  it('stops at the limit of tokens, and says so', async () => {
    const answer = await simulated().chat?.({ ...ask('hello'), outputTokensMax: 5 }, context)
    expect(answer?.finishReason).toBe('length')
    expect(meters(answer?.usage)).toMatchObject({ output: '5' })
  })

  it('runs a tool when one is required', async () => {
    const answer = await simulated().chat?.(
      { ...ask('hello'), tools: [{ name: 'look_up', parameters: {} }], toolChoice: 'required' },
      context,
    )
    expect(answer?.finishReason).toBe('tool_calls')
    expect(answer?.toolCalls).toMatchObject([{ name: 'look_up', arguments: '{}' }])
  })

  it('measures the true length of a WAV file, and hears the same words in it each time', async () => {
    const audio = { data: question, mediaType: 'audio/wav' }
    const first = await simulated().transcribe?.({ model: 'nova-3', audio }, context)
    const second = await simulated().transcribe?.({ model: 'gpt-transcribe', audio }, context)
    expect(first?.durationSeconds).toBeCloseTo((question.length - 44) / 32_000, 6)
    expect(meters(first?.usage)).toEqual({ duration: '4.0845' })
    expect(second?.text).toBe(first?.text)
  })

  it('refuses sound that is none', async () => {
    const audio = { data: new TextEncoder().encode('not a sound'), mediaType: 'audio/wav' }
    await expect(simulated().transcribe?.({ model: 'nova-3', audio }, context)).rejects.toMatchObject({ kind: 'invalid_request' })
  })

  it('speaks sound that can be played, longer for a longer text, and never calls it what it is not', async () => {
    const speak = (text: string) => simulated().speak?.({ model: 'sonic-3', text, format: 'mp3' }, context)
    const [short, long] = await Promise.all([speak('Hi'), speak('Hi, this is a longer sentence.')])
    expect(short?.format).toBe('wav')
    expect(readWav(short?.audio ?? new Uint8Array())?.durationSeconds).toBeCloseTo(0.12, 5)
    expect(readWav(long?.audio ?? new Uint8Array())?.durationSeconds).toBeCloseTo(1.8, 5)
    expect(meters(long?.usage)).toEqual({ characters: '30' })
  })

  it('streams the same sound in parts', async () => {
    const request = { model: 'tts-1', text: 'One, two, three.', format: 'wav' as const }
    const events: SpeechEvent[] = []
    for await (const event of simulated().streamSpeech?.(request, context) ?? []) events.push(event)
    const audio = Buffer.concat(events.flatMap((event) => (event.type === 'audio' ? [event.audio] : [])))
    expect(events.length).toBeGreaterThan(2)
    expect(audio).toEqual(Buffer.from((await simulated().speak?.(request, context))?.audio ?? []))
  })

  it('makes calls that last as long as was set, and never longer than they may', async () => {
    const request = { to: '+15551234567', instructions: { type: 'say' as const, text: 'Your taxi is here.' } }
    const call = (callSeconds: number, durationSecondsMax: number) =>
      simulated({ callSeconds }).call?.({ ...request, durationSecondsMax }, context)
    expect(await call(300, 600)).toMatchObject({ status: 'completed', durationSeconds: 300 })
    expect(meters((await call(900, 600))?.usage)).toEqual({ duration: '600' })
    expect((await simulated().call?.({ ...request, durationSecondsMax: 600 }, context))?.durationSeconds).toBe(9)
  })

  it('fails for the provider that was named, with what was asked for', async () => {
    const adapter = simulated({ failures: { 'gpt-4o': { kind: 'rate_limited', status: 429, retryAfterMs: 1_500 } } })
    const failure = adapter.chat?.({ ...ask('hello'), model: 'gpt-4o' }, context)
    await expect(failure).rejects.toMatchObject({ kind: 'rate_limited', status: 429, retryAfterMs: 1_500, isRetryable: true })
    expect((await adapter.chat?.(ask('hello'), context))?.text).toContain('hello')
  })

  it('fails for as many calls as a function decides', async () => {
    const adapter = simulated({ failures: ({ callsBefore }) => (callsBefore < 2 ? { kind: 'unavailable' } : undefined) })
    const outcomes = []
    for (let index = 0; index < 3; index += 1) {
      outcomes.push(
        await adapter.chat?.(ask('hello'), context).then(
          () => 'answered',
          (error) => error.kind,
        ),
      )
    }
    expect(outcomes).toEqual(['unavailable', 'unavailable', 'answered'])
  })

  it.each<[unknown, string]>([
    [{ kind: 'down' }, 'kind of the failure that failures() returned must be one of rate_limited, '],
    ['stall', 'failure that failures() returned takes an object of options, received string'],
    [true, 'failure that failures() returned takes an object of options, received boolean'],
    [{ kind: 'stall', afterPart: 2 }, 'afterPart: failure that failures() returned has no such option'],
    [Promise.resolve({ kind: 'overloaded' }), 'failures() must return at once, received a promise'],
  ])('refuses a failure that no provider has, of a function: %o', async (failure, message) => {
    const failures = () => failure as SimulatedFailure
    const refused = { code: 'INVALID_OPTION', message: expect.stringContaining(message) }
    await expect(simulated({ failures }).chat?.(ask('hello'), context)).rejects.toMatchObject(refused)
    const streamed = simulated({ failures }).streamChat?.(ask('hello'), context)
    await expect(streamed?.[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused)
  })

  it.each([null, false])('takes %s of a function for no failure', async (none) => {
    const adapter = simulated({ failures: () => none as never })
    expect((await adapter.chat?.(ask('hello'), context))?.text).toContain('hello')
  })

  it('takes a failure of what it leaves out, which another one may sell', () => {
    expect(() => simulated({ services: ['gpt'], failures: { deepgram: { kind: 'overloaded' } } })).not.toThrow()
  })

  it('says how much a stream that broke off had used at least', async () => {
    const adapter = simulated({ failures: { 'gpt-4o-mini': { kind: 'incomplete', afterParts: 3 } } })
    const read = async () => {
      for await (const _ of adapter.streamChat?.(ask('hello'), context) ?? []) {
        // Only the end matters.
      }
    }
    await expect(read()).rejects.toMatchObject({ kind: 'incomplete', usage: { certainty: 'floor' } })
  })

  it('waits as long as it was told to, on the sleep that it was given', async () => {
    const slept: number[] = []
    const adapter = simulated({
      latencyMs: 250,
      sleep: async (milliseconds) => {
        slept.push(milliseconds)
      },
    })
    await adapter.chat?.(ask('hello'), context)
    expect(slept).toEqual([250])
  })

  it('sells only what real adapters do not, when it is told what these sell', () => {
    const real = simulatedOffers.filter(({ provider }) => /^(gpt|openai|text-embedding)/.test(provider))
    const pairs = simulated({ except: real }).offers.map(({ service, provider }) => `${service}_${provider}`)
    expect(pairs).toEqual([
      'gpt_claude-3-haiku',
      'voice_stt_deepgram',
      'voice_tts_elevenlabs',
      'voice_tts_cartesia',
      'phone_twilio',
    ])
    expect(simulated({ services: ['phone'] }).offers.map(({ provider }) => provider)).toEqual(['twilio'])
  })

  it('does not answer for what it does not sell', async () => {
    await expect(simulated({ services: ['phone'] }).chat?.(ask('hello'), context)).rejects.toMatchObject({
      kind: 'model_not_found',
    })
  })
})

function meters(usage: Usage | undefined): Record<string, string> {
  return Object.fromEntries((usage?.quantities ?? []).map(({ meter, quantity }) => [meter, formatQuantity(quantity)]))
}
