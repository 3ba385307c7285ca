import { Socket } from 'node:net'
import { inspect } from 'node:util'
import { DeepgramClient } from '@deepgram/sdk'
import { formatQuantity, type LiveTranscribeRequest, type TranscriptEvent, type Usage } from '@farebox/core'
import { type DeepgramOptions, deepgram } from '@farebox/providers/deepgram'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { WebSocket } from 'ws'
import { type DeepgramLoopback, type DeepgramLoopbackOptions, startDeepgramLoopback } from '../loopback/deepgram.ts'
import { liveMetadata, liveResults } from '../loopback/deepgram-answers.ts'
import { collect, failureOf, settle } from './outcomes.ts'

const format = { encoding: 'pcm_s16le', sampleRate: 16_000 } as const
const TENTH_BYTES = 3_200
const id = '00000000-0000-4000-8000-000000000001'

let loopback: DeepgramLoopback | undefined
afterEach(async () => {
  vi.useRealTimers()
  await loopback?.close()
  loopback = undefined
})

async function open(given: DeepgramLoopbackOptions = {}, options: DeepgramOptions = {}) {
  const server = await startDeepgramLoopback(given)
  loopback = server
  const adapter = deepgram({ apiKey: server.apiKey, baseUrl: server.url, ...options })
  const listen = (request: Partial<LiveTranscribeRequest> = {}, signal = new AbortController().signal) =>
    (adapter.streamTranscription as NonNullable<typeof adapter.streamTranscription>)(
      { model: 'nova-3', audio: tenths(20), format, ...request },
      { signal, attemptId: 'a1' },
    )
  return { server, listen }
}

describe('a live transcription', () => {
  it('tells what was heard, replaces what was not final, and finishes with what was billed', async () => {
    const { server, listen } = await open()
    const [first, ...events] = await collect(listen({ language: 'en' }))
    expect(first).toEqual({ type: 'open' })
    expect(events).toMatchObject([
      { type: 'transcript', text: 'how many', isFinal: false, requestId: id },
      { type: 'transcript', text: 'How many minutes?', isFinal: true, startSeconds: 0, endSeconds: 2 },
      { type: 'finish', model: 'nova-3', durationSeconds: 2, requestId: id, usage: { certainty: 'exact', raw: { duration: 2 } } },
    ])
    expect(server.messages).toEqual([{ type: 'CloseStream' }])
    expect(seconds(usageOf(events))).toBe('2')
    expect(server.invoice).toMatchObject([{ path: '/v1/listen', model: 'nova-3', quantities: { seconds: 2 }, outcome: 'served' }])
    expect(Object.fromEntries(server.requests[0]?.query ?? [])).toEqual({
      model: 'nova-3',
      language: 'en',
      encoding: 'linear16',
      sample_rate: '16000',
      channels: '1',
      interim_results: 'true',
      smart_format: 'true',
    })
  })

  it('passes options through, but none that changes how sound is counted, where it goes, or how often it is connected', async () => {
    const { server, listen } = await open()
    const providerOptions = {
      endpointing: 300,
      interim_results: false,
      callback: 'https://example.com',
      encoding: 'opus',
      sample_rate: 8_000,
      channels: 2,
      multichannel: true,
      reconnectAttempts: 9,
      queryParams: { model: 'base' },
      headers: { authorization: 'Token other' },
    }
    const events = await collect(listen({ providerOptions }))
    expect(events.map(({ type }) => type)).toEqual(['open', 'transcript', 'finish'])
    expect(Object.fromEntries(server.requests[0]?.query ?? [])).toEqual({
      model: 'nova-3',
      endpointing: '300',
      encoding: 'linear16',
      sample_rate: '16000',
      channels: '1',
      interim_results: 'false',
      smart_format: 'true',
    })
  })

  it('costs what was sent where Deepgram bills more than it can have heard', async () => {
    const { listen } = await open({
      onSocket: (socket) =>
        socket.on('message', (_, isBinary) => {
          if (!isBinary) socket.send(JSON.stringify(liveMetadata(id, 2_000_000)))
        }),
    })
    const finish = (await collect(listen())).at(-1)
    expect(finish).toMatchObject({ type: 'finish', usage: { certainty: 'derived' } })
    expect(seconds(finish?.type === 'finish' ? finish.usage : undefined)).toBe('2')
  })

  it('says that it goes on while the sound pauses, and only then', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const { server, listen } = await open()
    const { audio, push, end } = pushable()
    const events = collect(listen({ audio }))
    await expect.poll(() => vi.getTimerCount()).toBe(1)
    push(tenth())
    await expect.poll(() => server.invoice[0]?.quantities.seconds).toBe(0.1)
    await vi.advanceTimersByTimeAsync(4_000)
    // There was sound in these four seconds; there is none in the eight that follow.
    await vi.advanceTimersByTimeAsync(8_000)
    end()
    await events
    expect(server.messages).toEqual([{ type: 'KeepAlive' }, { type: 'KeepAlive' }, { type: 'CloseStream' }])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('sends no piece of no length, which to Deepgram is the end', async () => {
    const lengths: number[] = []
    const { listen } = await open({
      onSocket: (socket) => socket.on('message', (data: Buffer, isBinary) => isBinary && lengths.push(data.length)),
    })
    await collect(listen({ audio: of(tenth(), new Uint8Array(), tenth()) }))
    expect(lengths).toEqual([TENTH_BYTES, TENTH_BYTES])
  })

  it('is told of words that were taken back, but not of silence', async () => {
    const { listen } = await open({
      onSocket: (socket) =>
        socket.once('message', () => {
          for (const [text, isFinal] of [
            ['', true],
            ['er', false],
            ['', false],
            ['', true],
            ['', true],
          ] as const) {
            socket.send(JSON.stringify(liveResults(id, 'nova-3', { text, isFinal, start: 0.1, duration: 0.2 })))
          }
        }),
    })
    const events = await collect(listen({ providerOptions: { interim_results: false } }))
    expect(events.filter(({ type }) => type === 'transcript')).toMatchObject([
      { text: 'er', isFinal: false, startSeconds: 0.1, endSeconds: 0.3 },
      { text: '', isFinal: true },
      { text: 'How many minutes?', isFinal: true },
    ])
  })

  it('does not read sound faster than the network takes it', async () => {
    let held: WebSocket | undefined
    const { server, listen } = await open({
      onSocket: (socket) => {
        held = socket
        socket.pause()
      },
    })
    let pieces = 0
    const piece = new Uint8Array(65_536)
    async function* plenty() {
      for (; pieces < 1_000; pieces += 1) yield piece
    }
    const events = collect(listen({ audio: plenty() }))
    await expect.poll(() => held).toBeDefined()
    // What it read is in the buffers of the system; once these are full, it waits.
    const settled = await settle(() => pieces)
    expect(settled).toBeLessThan(500)
    held?.resume()
    await events
    expect(pieces).toBe(1_000)
    expect(server.invoice[0]?.quantities.seconds).toBe(2_048)
  })
})

describe('a live connection that is refused', () => {
  it.each([
    [400, 'invalid_request'],
    [401, 'authentication'],
    [402, 'quota_exhausted'],
    [403, 'authentication'],
    [429, 'rate_limited'],
    [503, 'unavailable'],
  ])('with %d is %s, and is not tried again', async (status, kind) => {
    const { server, listen } = await open()
    server.fail({ type: 'status', status, body: 'no' })
    let read = 0
    const error = await failureOf(collect(listen({ audio: tenths(2, () => (read += 1)) })))
    expect(error).toMatchObject({ kind, status })
    expect(error.usage).toBeUndefined()
    expect(read).toBe(0)
    expect(server.requests).toHaveLength(1)
  })

  it('for its key tells nothing of it', async () => {
    const { server } = await open()
    const adapter = deepgram({ apiKey: 'dg-secret', baseUrl: server.url })
    const request = { model: 'nova-3', audio: tenths(1), format }
    const context = { signal: new AbortController().signal, attemptId: 'a1' }
    const error = await failureOf(collect(adapter.streamTranscription?.(request, context)))
    expect(error.kind).toBe('authentication')
    expect(inspect(error, { depth: 12, showHidden: true })).not.toContain('dg-secret')
  })
})

describe('a live connection that breaks', () => {
  it.each([
    ['is closed with an error', { type: 'close', after: 1, code: 1011, reason: 'NET-0001' } as const, 'NET-0001'],
    ['is closed as if all were well', { type: 'cut', after: 1 } as const, undefined],
    ['is cut', { type: 'reset', after: 1 } as const, undefined],
    [
      'is closed with a lecture',
      { type: 'close', after: 1, code: 1011, reason: 'your key dg-loopback is bad' } as const,
      undefined,
    ],
  ])('and %s is incomplete, and at least what was sent is paid for', async (_, fault, providerCode) => {
    const { server, listen } = await open()
    server.fail(fault)
    const error = await failureOf(collect(listen()))
    expect(error).toMatchObject({ kind: 'incomplete', isRetryable: false, providerCode, requestId: id })
    expect(error.usage?.certainty).toBe('floor')
    expect(seconds(error.usage)).toBe('2')
    expect(server.invoice).toMatchObject([{ quantities: { seconds: 2 }, outcome: 'broken' }])
    expect(inspect(error, { depth: 12, showHidden: true })).not.toContain('dg-loopback')
  })

  it('is never opened again, as the SDK would by itself, not even before anybody looks', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true })
    const broken = { type: 'close', after: 0, code: 1011 } as const
    const connections = async (server: DeepgramLoopback) => {
      await vi.advanceTimersByTimeAsync(60_000)
      await new Promise((resolve) => setImmediate(resolve))
      return server.requests.length
    }
    for (const own of [true, false]) {
      const { server, listen } = await open()
      server.fail({ ...broken, after: 1 })
      const client = new DeepgramClient({ apiKey: server.apiKey, baseUrl: server.url })
      const { audio, push, end } = pushable()
      const request = { model: 'nova-3', audio, format }
      const context = { signal: new AbortController().signal, attemptId: 'a1' }
      const stream = own ? listen({ audio }) : deepgram({ client }).streamTranscription?.(request, context)
      const events = stream?.[Symbol.asyncIterator]()
      push(tenth())
      expect(await events?.next()).toMatchObject({ value: { type: 'open' } })
      expect(await events?.next()).toMatchObject({ value: { type: 'transcript' } })
      end()
      await server.closed
      for (let minute = 0; minute < 3; minute += 1) expect(await connections(server)).toBe(1)
      expect((await failureOf(events?.next())).kind).toBe('incomplete')
      expect(await connections(server)).toBe(1)
      await server.close()
    }
    // So that the claim above means something: the SDK's own setting opens another.
    const { server } = await open()
    server.fail(broken)
    const client = new DeepgramClient({ apiKey: server.apiKey, baseUrl: server.url })
    const socket = await client.listen.v1.connect({
      model: 'nova-3',
      encoding: 'mulaw',
      sample_rate: 8_000,
      interim_results: 'true',
    })
    socket.on('error', () => {})
    socket.connect()
    await socket.waitForOpen()
    socket.sendMedia(tenth())
    await server.closed
    await vi.waitFor(async () => expect(await connections(server)).toBeGreaterThan(1))
    socket.close()
  })

  it('before all the sound was sent is incomplete, with what Deepgram says it billed', async () => {
    const { listen } = await open({
      onSocket: (socket) =>
        socket.once('message', () => {
          socket.send(JSON.stringify(liveMetadata(id, 0.75)))
          socket.close(1000)
        }),
    })
    const { audio, push } = pushable()
    push(tenth())
    const error = await failureOf(collect(listen({ audio })))
    expect(error).toMatchObject({ kind: 'incomplete', usage: { certainty: 'exact' }, requestId: id })
    expect(seconds(error.usage)).toBe('0.75')
  })

  it("by an error of a transport of the host's own is incomplete too", async () => {
    const fail: ((error: Error) => void)[] = []
    const client = new DeepgramClient({
      apiKey: 'k',
      transportFactory: () => ({
        send: () => fail.at(-1)?.(new Error('the tunnel collapsed')),
        close: () => {},
        isOpen: () => true,
        onOpen: () => {},
        onMessage: () => {},
        onClose: () => {},
        onError: (listener) => fail.push(listener),
      }),
    })
    const request = { model: 'nova-3', audio: tenths(2), format }
    const context = { signal: new AbortController().signal, attemptId: 'a1' }
    const error = await failureOf(collect(deepgram({ client }).streamTranscription?.(request, context)))
    expect(error.kind).toBe('incomplete')
    expect(fail).toHaveLength(1)
  })

  it('because what was sent is no sound is not the fault of Deepgram', async () => {
    const { server, listen } = await open()
    server.fail({ type: 'close', after: 1, code: 1008, reason: 'DATA-0000' })
    const error = await failureOf(collect(listen()))
    expect(error).toMatchObject({ kind: 'invalid_request', providerCode: 'DATA-0000', usage: { certainty: 'floor' } })
  })

  it('with an error that is a message names its code, and none of its words', async () => {
    const { listen } = await open({
      onSocket: (socket) =>
        socket.once('message', () => {
          socket.send(JSON.stringify({ type: 'Error', variant: 'BadAudio', description: 'the heron sleeps on one leg' }))
        }),
    })
    const error = await failureOf(collect(listen()))
    expect(error).toMatchObject({ kind: 'incomplete', providerCode: 'BadAudio', usage: { certainty: 'floor' } })
    expect(inspect(error, { depth: 12, showHidden: true })).not.toContain('heron')
  })
})

describe('a live transcription that is given up', () => {
  it('by its signal closes the connection, and tells what was sent', async () => {
    const { server, listen } = await open()
    const controller = new AbortController()
    const { audio, push, wasReturned } = pushable()
    for (let piece = 0; piece < 5; piece += 1) push(tenth())
    const failure = failureOf(collect(listen({ audio }, controller.signal)))
    await expect.poll(() => server.invoice[0]?.quantities.seconds).toBe(0.5)
    controller.abort()
    await server.closed
    const error = await failure
    expect(error).toMatchObject({ kind: 'aborted', usage: { certainty: 'floor' } })
    expect(seconds(error.usage)).toBe('0.5')
    expect(wasReturned()).toBe(true)
    expect(server.messages).toEqual([])
    await server.close()
  })

  it('by its signal while nobody looks closes the connection all the same', async () => {
    const { server, listen } = await open()
    const controller = new AbortController()
    const { audio, push } = pushable()
    push(tenth())
    const events = listen({ audio }, controller.signal)[Symbol.asyncIterator]()
    expect([await events.next(), await events.next()]).toMatchObject([
      { value: { type: 'open' } },
      { value: { type: 'transcript' } },
    ])
    controller.abort()
    await server.closed
    expect((await failureOf(events.next())).kind).toBe('aborted')
  })

  it('is cut though its farewell would wait behind sound that the network does not take', async () => {
    let held: WebSocket | undefined
    const { server, listen } = await open({
      onSocket: (socket) => {
        held = socket
        socket.pause()
      },
    })
    const controller = new AbortController()
    let pieces = 0
    const audio = tenths(1_000, () => (pieces += 1), 65_536)
    const failure = failureOf(collect(listen({ audio }, controller.signal)))
    await expect.poll(() => held).toBeDefined()
    const offered = (await settle(() => pieces)) * 65_536
    controller.abort()
    const error = await failure
    expect(error.kind).toBe('aborted')
    held?.resume()
    expect(await server.closed).toBe(1006)
    const heard = (server.invoice[0]?.quantities.seconds ?? 0) * 32_000
    expect(heard).toBeLessThan(offered)
    expect(Number(seconds(error.usage)) * 32_000).toBeLessThan(offered)
  })

  it('because it takes no more sound tells what it took, instead of waiting for ever', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    let held: WebSocket | undefined
    const { server, listen } = await open({
      onSocket: (socket) => {
        held = socket
        socket.pause()
      },
    })
    let pieces = 0
    const failure = failureOf(collect(listen({ audio: tenths(1_000, () => (pieces += 1), 65_536) })))
    await expect.poll(() => held).toBeDefined()
    const offered = (await settle(() => pieces)) * 65_536
    await vi.advanceTimersByTimeAsync(35_000)
    const error = await failure
    expect(error).toMatchObject({ kind: 'incomplete', providerCode: 'ETIMEDOUT', usage: { certainty: 'floor' } })
    expect(Number(seconds(error.usage)) * 32_000).toBeLessThan(offered)
    expect(vi.getTimerCount()).toBe(0)
    held?.resume()
    expect(await server.closed).toBe(1006)
  })

  it('because the connection breaks tells none of what waited to leave', async () => {
    let held: WebSocket | undefined
    const { listen } = await open({
      onSocket: (socket) => {
        held = socket
        socket.pause()
      },
    })
    let pieces = 0
    const failure = failureOf(collect(listen({ audio: tenths(1_000, () => (pieces += 1), 65_536) })))
    await expect.poll(() => held).toBeDefined()
    const offered = (await settle(() => pieces)) * 65_536
    held?.terminate()
    // The buffer holds four pieces before it is full.
    expect(Number(seconds((await failure).usage)) * 32_000).toBeLessThanOrEqual(offered - 4 * 65_536)
  })

  it('does not come while a little of the sound leaves now and then', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    let held: WebSocket | undefined
    const { listen } = await open({
      onSocket: (socket) => {
        held = socket
        socket.pause()
      },
    })
    let pieces = 0
    const events = collect(listen({ audio: tenths(400, () => (pieces += 1), 65_536) }))
    await expect.poll(() => held).toBeDefined()
    for (let rounds = 0; rounds < 3; rounds += 1) {
      const before = await settle(() => pieces)
      await vi.advanceTimersByTimeAsync(25_000)
      held?.resume()
      await expect.poll(() => pieces, { interval: 1 }).toBeGreaterThan(before)
      held?.pause()
    }
    held?.resume()
    expect((await events).at(-1)?.type).toBe('finish')
  })

  it('is cut where nobody answers its goodbye, for which the process would wait', async () => {
    let held: WebSocket | undefined
    const { server, listen } = await open({ onSocket: (socket) => (held = socket) })
    const controller = new AbortController()
    const { audio, push } = pushable()
    push(tenth())
    const events = listen({ audio }, controller.signal)[Symbol.asyncIterator]()
    expect([await events.next(), await events.next()]).toHaveLength(2)
    expect(connections(server)).toBe(2)
    held?.pause()
    controller.abort()
    expect((await failureOf(events.next())).kind).toBe('aborted')
    // The loopback's end of the connection is held open; the adapter's is not.
    await expect.poll(() => connections(server)).toBe(1)
    held?.resume()
  })

  it('by whoever reads it closes the connection and stops reading the sound', async () => {
    const { server, listen } = await open()
    const { audio, push, wasReturned } = pushable()
    push(tenth())
    for await (const event of listen({ audio })) if (event.type === 'transcript') break
    await server.closed
    expect(wasReturned()).toBe(true)
    expect(server.requests).toHaveLength(1)
  })

  it('by its signal before the sound is looked at closes that, and leaves no timer behind', async () => {
    const { listen } = await open()
    const controller = new AbortController()
    const closed = vi.fn(async () => ({ done: true as const, value: undefined }))
    const audio = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}), return: closed }) }
    const events = listen({ audio }, controller.signal)[Symbol.asyncIterator]()
    expect(await events.next()).toMatchObject({ value: { type: 'open' } })
    controller.abort()
    const [started, ended] = [vi.spyOn(globalThis, 'setInterval'), vi.spyOn(globalThis, 'clearInterval')]
    expect(await failureOf(events.next())).toMatchObject({ kind: 'aborted' })
    expect(closed).toHaveBeenCalledOnce()
    expect(ended.mock.calls.map(([timer]) => timer)).toEqual(
      expect.arrayContaining(started.mock.results.map(({ value }) => value)),
    )
    vi.restoreAllMocks()
  })

  it('because its sound broke off says so, with what was sent and why', async () => {
    const { server, listen } = await open()
    const broken = new Error('the microphone was unplugged')
    async function* sound() {
      yield tenth()
      throw broken
    }
    const error = await failureOf(collect(listen({ audio: sound() })))
    expect(error).toMatchObject({ kind: 'aborted', cause: broken, usage: { certainty: 'floor' } })
    expect(seconds(error.usage)).toBe('0.1')
    await server.closed
    expect(server.messages).toEqual([])
  })
})

function tenth(): Uint8Array {
  return new Uint8Array(TENTH_BYTES)
}

async function* tenths(count: number, onRead = () => {}, bytes = TENTH_BYTES): AsyncGenerator<Uint8Array, void, undefined> {
  for (let index = 0; index < count; index += 1) {
    onRead()
    yield new Uint8Array(bytes)
  }
}

async function* of<T>(...values: T[]): AsyncGenerator<T, void, undefined> {
  yield* values
}

/** Sound that is pushed, and never ends by itself. */
function pushable() {
  const waiting: Uint8Array[] = []
  let isOver = false
  let isReturned = false
  let wake = () => {}
  const audio: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        while (waiting.length === 0 && !isOver) {
          const { promise, resolve } = Promise.withResolvers<void>()
          wake = resolve
          await promise
        }
        const value = waiting.shift()
        return value ? { done: false, value } : { done: true, value: undefined }
      },
      async return() {
        isReturned = true
        return { done: true, value: undefined }
      },
    }),
  }
  const push = (piece: Uint8Array) => {
    waiting.push(piece)
    wake()
  }
  const end = () => {
    isOver = true
    wake()
  }
  return { audio, push, end, wasReturned: () => isReturned }
}

/** Ends of connections to a server that this process holds. */
function connections({ url }: DeepgramLoopback): number {
  const port = Number(new URL(url).port)
  const { _getActiveHandles: held } = process as unknown as { _getActiveHandles(): unknown[] }
  return held.call(process).filter((each) => each instanceof Socket && [each.localPort, each.remotePort].includes(port)).length
}

function usageOf(events: readonly TranscriptEvent[]): Usage | undefined {
  const last = events.at(-1)
  return last?.type === 'finish' ? last.usage : undefined
}

function seconds(usage: Usage | undefined): string | undefined {
  const [duration] = usage?.quantities ?? []
  return duration && formatQuantity(duration.quantity)
}
