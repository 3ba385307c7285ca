import {
  type CallContext,
  formatQuantity,
  type RealtimeEvent,
  type RealtimeInput,
  type RealtimeRequest,
  type SoundFormat,
  type TranscriptEvent,
  type Usage,
} from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { simulated } from './simulated.ts'

const context: CallContext = { signal: new AbortController().signal, attemptId: 'a1' }
const PHONE: SoundFormat = { encoding: 'mulaw', sampleRate: 8_000 }
const words = (seconds: number) => new Uint8Array(8_000 * seconds).fill(0x55)
const silence = new Uint8Array(4_000).fill(0xff)

async function collect<T>(events: AsyncIterable<T> | undefined): Promise<T[]> {
  const all: T[] = []
  for await (const event of events ?? []) all.push(event)
  return all
}

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items
}

function meters(usage: Usage | undefined): Record<string, string> {
  return Object.fromEntries((usage?.quantities ?? []).map(({ meter, quantity }) => [meter, formatQuantity(quantity)]))
}

const listen = (audio: Iterable<Uint8Array>, seed = 1) =>
  collect(simulated({ seed }).streamTranscription?.({ model: 'nova-3', audio: each(audio), format: PHONE }, context))
const talk = (
  input: Iterable<RealtimeInput> | AsyncIterable<RealtimeInput>,
  more: Partial<RealtimeRequest> = {},
): RealtimeRequest => ({
  model: 'gpt-realtime',
  input: (async function* () {
    yield* input
  })(),
  inputFormat: PHONE,
  outputFormat: PHONE,
  ...more,
})
const converse = (input: Iterable<RealtimeInput>, more: Partial<RealtimeRequest> = {}) =>
  collect(simulated().converse?.(talk(input, more), context))

describe('a simulated live transcription', () => {
  it('hears the same in the same sound, however that is cut into pieces', async () => {
    const finals = (events: TranscriptEvent[]) =>
      events.flatMap((event) => (event.type === 'transcript' && event.isFinal ? event.text : []))
    const whole = finals(await listen([words(10)]))
    expect(whole.length).toBeGreaterThan(1)
    expect(finals(await listen(Array.from({ length: 100 }, () => words(0.1))))).toEqual(whole)
  })

  it('hears words in sound alone, and the end of a sentence in a pause, where pauses count', async () => {
    const pieces = [words(2), silence, silence, silence, words(1), silence, silence, words(1)]
    const provider = simulated({ pauseMs: 1_000 })
    const events = await collect(provider.streamTranscription?.({ model: 'nova-3', audio: each(pieces), format: PHONE }, context))
    const finals = events.flatMap((event) => (event.type === 'transcript' && event.isFinal ? event.text : []))
    expect(finals.map((text) => text.split(' ').length)).toEqual([5, 2, 2])
    expect(events.at(-1)).toMatchObject({ type: 'finish', durationSeconds: 6.5 })
  })

  it('tells what it hears as it goes, in sentences that grow until they are final', async () => {
    const events = await listen(Array.from({ length: 60 }, () => words(0.1)))
    const texts = events.flatMap((event) => (event.type === 'transcript' ? [event] : []))
    expect(texts.filter(({ isFinal }) => !isFinal).length).toBeGreaterThan(5)
    expect(texts.at(-1)).toMatchObject({ isFinal: true, endSeconds: 6 })
    expect(events.at(-1)).toMatchObject({ type: 'finish', durationSeconds: 6 })
  })

  it('hears a word in a moment, and none in nothing', async () => {
    expect((await listen([words(0.01)]))[1]).toMatchObject({ type: 'transcript', isFinal: true })
    expect((await listen([])).map(({ type }) => type)).toEqual(['open', 'finish'])
  })

  it('says how much it had heard when it broke off', async () => {
    const adapter = simulated({ failures: { deepgram: { kind: 'incomplete', afterParts: 3 } } })
    const audio = each(Array.from({ length: 60 }, () => words(0.1)))
    const failure = collect(adapter.streamTranscription?.({ model: 'nova-3', audio, format: PHONE }, context))
    await expect(failure).rejects.toMatchObject({ kind: 'incomplete', usage: { certainty: 'floor' } })
  })
})

describe('a simulated conversation', () => {
  const hello: RealtimeInput[] = [{ type: 'text', text: 'What is a fare?' }, { type: 'respond' }]

  it('answers alike each time, in sound that is as long as its words', async () => {
    const events = await converse(hello)
    expect(events).toEqual(await converse(hello))
    const text = events.flatMap((event) => (event.type === 'text' ? event.text : [])).join('')
    expect(text).toContain('What is a fare?')
    const bytes = events.reduce((sum, event) => sum + (event.type === 'audio' ? event.audio.length : 0), 0)
    expect(bytes / (text.length * 0.06 * 8_000)).toBeCloseTo(1, 1)
  })

  it('answers a pause by itself, and tells what it heard', async () => {
    const events = await converse([
      { type: 'audio', audio: words(2) },
      { type: 'audio', audio: silence },
    ])
    expect(events[1]).toMatchObject({ type: 'heard', text: expect.stringContaining(' ') })
    const turn = events.at(-2)
    expect(turn?.type === 'turn' && meters(turn.usage)).toMatchObject({ audio_input: '25', audio_output: expect.any(String) })
    expect((await converse([{ type: 'audio', audio: silence }])).map(({ type }) => type)).toEqual(['open', 'finish'])
  })

  it('reads what was said before from its cache, in later turns', async () => {
    const turns = (await converse([...hello, ...hello])).flatMap((event) => (event.type === 'turn' ? [meters(event.usage)] : []))
    expect(turns[0]).not.toHaveProperty('cached_input')
    expect(Number(turns[1]?.cached_input)).toBe(Number(turns[0]?.input) + Number(turns[0]?.output))
  })

  it('falls silent when it is told to, and tells what it had used', async () => {
    const events: RealtimeEvent[] = []
    const { promise: heard, resolve: hear } = Promise.withResolvers<void>()
    async function* input(): AsyncGenerator<RealtimeInput> {
      yield* hello
      await heard
      yield { type: 'cancel' }
    }
    const adapter = simulated({ betweenPartsMs: 2 })
    for await (const event of adapter.converse?.(talk(input()), context) ?? []) {
      events.push(event)
      if (event.type === 'audio') hear()
    }
    expect(events.at(-2)).toMatchObject({ type: 'turn', isComplete: false })
    expect(events.filter(({ type }) => type === 'audio').length).toBeLessThan(10)
  })

  it('runs a tool that is named', async () => {
    const tools = [{ name: 'look', parameters: {} }]
    const events = await converse([{ type: 'text', text: 'Please look for the heron' }, { type: 'respond' }], { tools })
    expect(events[1]).toMatchObject({ type: 'tool_call', name: 'look', arguments: '{}' })
    expect(events.at(-2)).toMatchObject({ type: 'turn', isComplete: true })
  })

  it('gives a tool arguments that fit its parameters', async () => {
    const parameters = { properties: { bird: { enum: ['heron', 'stork'] } }, required: ['bird'] }
    const tools = [{ name: 'look', parameters }]
    const events = await converse([{ type: 'text', text: 'Please look for the heron' }, { type: 'respond' }], { tools })
    expect(events[1]).toMatchObject({ type: 'tool_call', name: 'look', arguments: '{"bird":"heron"}' })
  })

  it('tells what an answer that was broken off had used, and nothing between answers', async () => {
    const failures = { 'gpt-realtime': { kind: 'incomplete', afterParts: 4 } } as const
    const failure = collect(simulated({ failures }).converse?.(talk(hello), context))
    await expect(failure).rejects.toMatchObject({ kind: 'incomplete', usage: { certainty: 'floor' } })
    const early = { 'gpt-realtime': { kind: 'incomplete', afterParts: 1 } } as const
    await expect(collect(simulated({ failures: early }).converse?.(talk(hello), context))).rejects.toMatchObject({
      usage: undefined,
    })
  })
})

describe('a simulated embedding', () => {
  it('lies at the same place for the same text, and closer for texts that share words', async () => {
    const inputs = ['a grey heron', 'a grey heron', 'the heron is grey', 'credits and minutes']
    const embed = async () =>
      (await simulated().embed?.({ model: 'text-embedding-3-small', inputs, dimensions: 64 }, context))?.embeddings ?? []
    const [a = [], b, near = [], far = []] = await embed()
    const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, part, index) => sum + part * (y[index] ?? 0), 0)
    expect(a).toEqual(b)
    expect(dot(a, a)).toBeCloseTo(1, 9)
    expect(dot(a, near)).toBeGreaterThan(dot(a, far) + 0.2)
    expect(await embed()).toEqual([a, b, near, far])
  })

  it('refuses a text that is empty', async () => {
    const failure = simulated().embed?.({ model: 'text-embedding-3-small', inputs: [''] }, context)
    await expect(failure).rejects.toMatchObject({ kind: 'invalid_request' })
  })
})
