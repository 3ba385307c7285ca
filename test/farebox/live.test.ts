import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  type Credits,
  type FareboxError,
  type ProviderAdapter,
  ProviderError,
  type Quantity,
  quantity,
  type RealtimeEvent,
  type RealtimeInput,
  type TranscriptEvent,
  type Usage,
  type UsageQuantity,
} from '@farebox/core'
import { LedgerUnavailableError } from '@farebox/ledger'
import { simulated } from '@farebox/providers/simulated'
import { unpackDecision } from '@farebox/router'
import { credits, type Farebox, type FareboxOptions, PriceBook, presets, type Workflow } from 'farebox'
import { describe, expect, it, vi } from 'vitest'
import { type SimulateInput, simulate } from '../../packages/farebox/src/replay/simulate.ts'
import { openAccount, openBox, openKey, type StoreName, storeNames } from './open-box.ts'

const format = { encoding: 'mulaw', sampleRate: 8_000 } as const
/** What a minute of hearing costs, in credits. */
const MINUTE = 8

const prices = new PriceBook({
  name: 'live',
  currency: 'credits',
  versions: [
    {
      version: '1',
      effective_from: '2025-01-01T00:00:00Z',
      entries: [
        { service: 'voice_stt', provider: 'deepgram', rates: [{ unit: 'minutes', amount: String(MINUTE) }] },
        { service: 'realtime', provider: 'gpt-realtime', rates: [{ unit: 'tokens', amount: '10', per: '1000' }] },
        { service: 'embedding', provider: 'text-embedding-3-small', rates: [{ unit: 'tokens', amount: '1', per: '10' }] },
        { service: 'voice_tts', provider: 'openai-tts', rates: [{ unit: 'characters', amount: '0.01' }] },
      ],
    },
  ],
})

async function open(balance: Credits, { on = 'SQLite', ...options }: Partial<FareboxOptions> & { on?: StoreName } = {}) {
  const box = await openBox({ on, prices, ...options })
  const { accountId } = await openAccount(box, { balance })
  const workflow = box.workflow({ accountId, name: 'call' })
  const usage = async () => (await box.ledger.usageOf(accountId, workflow.id)).filter((record) => record.quantity > 0n)
  return { box, accountId, workflow, usage, balance: async () => (await box.ledger.balance(accountId)).balance }
}

/** Sound in pieces of a second, as many as are asked for. */
async function* sound(seconds: number, read: { seconds: number } = { seconds: 0 }): AsyncGenerator<Uint8Array> {
  for (; read.seconds < seconds; read.seconds += 1) yield new Uint8Array(8_000).fill(0xff)
}

async function texts(events: AsyncIterable<{ type: string }>): Promise<number> {
  let count = 0
  for await (const event of events) if (event.type === 'transcript' || event.type === 'text') count += 1
  return count
}

/** Keeps the first part of live work from being written until it may go on. */
function holdUpFirstPart({ ledger }: Farebox): { began: Promise<void>; goOn: () => void } {
  const settle = ledger.settleHold.bind(ledger)
  const [begins, goes] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  vi.spyOn(ledger, 'settleHold').mockImplementation(async (input, call) => {
    if (input.usageId?.endsWith('.part1')) {
      begins.resolve()
      await goes.promise
    }
    return settle(input, call)
  })
  return { began: begins.promise, goOn: goes.resolve }
}

describe.each(storeNames)('speech that is transcribed while it is heard, on %s', (on) => {
  it('is charged in parts that cost what the whole would', async () => {
    const { workflow, usage, balance } = await open(credits(1_000), { on })
    const stream = await workflow.listen({ audio: sound(150), format })
    expect(await texts(stream.events)).toBeGreaterThan(0)
    expect(await stream.settled).toEqual({ creditsUsed: credits(20), endedBy: 'input' })
    const records = await usage()
    expect(records.length).toBeGreaterThan(2)
    expect(records.reduce((sum, record) => sum + record.quantity, 0n)).toBe(quantity(150))
    expect(await balance()).toBe(credits(1_000 - 20))
    expect((await workflow.close()).services_used).toMatchObject([{ units_consumed: 150, credits_used: 20 }])
    // One decision led to all of its parts.
    expect(await workflow.decisions()).toMatchObject([{ usageId: records.at(-1)?.usageId, provider: 'deepgram' }])
  })

  it('is on the receipt and can be refunded once it was read to its end, without a wait of the reader', async () => {
    const { workflow, balance } = await open(credits(1_000), { on })
    await texts((await workflow.listen({ audio: sound(150), format })).events)
    expect(await workflow.receipt()).toMatchObject({ total_credits_used: 20 })
    await texts((await workflow.listen({ audio: sound(150), format })).events)
    await workflow.refund('the line was bad')
    expect(await balance()).toBe(credits(1_000))
  })

  it('is charged when it has ended, though nobody reads what was told of it', async () => {
    const { workflow, box, accountId } = await open(credits(1_000), { on })
    const { settled } = await workflow.listen({ audio: sound(150), format })
    expect(await settled).toEqual({ creditsUsed: credits(20), endedBy: 'input' })
    expect(await box.ledger.balance(accountId)).toMatchObject({ balance: credits(1_000 - 20), held: 0n })
  })

  it('warns when credits run low, and ends within a second of the last of them', async () => {
    const { workflow, balance } = await open(credits(10), { on })
    const read = { seconds: 0 }
    const warnings: number[] = []
    const onLow = ({ secondsLeft }: { secondsLeft: number }) => void warnings.push(secondsLeft)
    const stream = await workflow.listen({ audio: sound(600, read), format, lowSeconds: 20, onLow })
    await texts(stream.events)
    // Ten credits are seventy-five seconds.
    const { creditsUsed, endedBy } = await stream.settled
    expect([creditsUsed, endedBy]).toEqual([credits(10), 'credits'])
    expect(read.seconds).toBeGreaterThanOrEqual(73)
    expect(read.seconds).toBeLessThanOrEqual(76)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toBeLessThan(20)
    expect(await balance()).toBe(0n)
  })

  it('ends when its workflow is closed, and is on the receipt', async () => {
    const { workflow, usage, balance } = await open(credits(1_000), { on })
    const spoken = Promise.withResolvers<void>()
    async function* speech() {
      yield* sound(30)
      spoken.resolve()
      // Whoever speaks is thinking.
      await new Promise(() => {})
    }
    const stream = await workflow.listen({ audio: speech(), format })
    const heard = texts(stream.events)
    await spoken.promise
    const receipt = await workflow.close()
    expect(await stream.settled).toEqual({ creditsUsed: credits(4), endedBy: 'caller' })
    expect(receipt.services_used).toMatchObject([{ units_consumed: 30, credits_used: 4 }])
    // By that its provider's own records are found.
    expect(await usage()).toMatchObject([{ details: { requestId: expect.stringMatching(/./) } }])
    expect(await balance()).toBe(credits(1_000 - 4))
    await heard
  })

  it('does not keep its workflow open where it cannot be charged, and the host is told', async () => {
    const errors: unknown[] = []
    const { workflow, box, accountId } = await open(credits(1_000), { on, onError: (error) => errors.push(error) })
    const stream = await workflow.listen({ audio: sound(30), format })
    vi.spyOn(box.ledger, 'settleHold').mockRejectedValue(new Error('a defect'))
    await stream.events.next()
    await workflow.close()
    await expect(stream.settled).rejects.toThrow('a defect')
    expect(errors).toMatchObject([{ message: 'a defect' }])
    expect((await box.ledger.balance(accountId)).held).toBe(0n)
  })

  it('goes on where the ledger is away for a moment just as the next part is to be set aside', async () => {
    const { box, workflow, balance } = await open(credits(1_000), { on })
    const extend = box.ledger.extendHold.bind(box.ledger)
    const away = { times: 2 }
    vi.spyOn(box.ledger, 'extendHold').mockImplementation(async (...call) => {
      if (call[0].amount !== undefined && away.times-- > 0) throw new LedgerUnavailableError('away')
      return extend(...call)
    })
    const stream = await workflow.listen({ audio: sound(150), format })
    await texts(stream.events)
    expect(await stream.settled).toEqual({ creditsUsed: credits(20), endedBy: 'input' })
    expect(away.times).toBeLessThan(0)
    expect(await balance()).toBe(credits(980))
  })

  it('is begun for as long as there are credits, and not without any', async () => {
    const { workflow } = await open(credits(2), { on })
    const stream = await workflow.listen({ audio: sound(600), format })
    await texts(stream.events)
    expect(await stream.settled).toEqual({ creditsUsed: credits(2), endedBy: 'credits' })
    await expect(workflow.listen({ audio: sound(1), format })).rejects.toMatchObject({ code: 'INSUFFICIENT_CREDITS' })
  })
})

describe('speech that is transcribed while it is heard', () => {
  it('is begun for as long as its workflow or a budget allows, though that is less than a minute', async () => {
    const { box, accountId } = await open(credits(1_000))
    const talk = async (workflow: Workflow) => {
      const stream = await workflow.listen({ audio: sound(600), format })
      await texts(stream.events)
      return stream.settled
    }
    const capped = box.workflow({ accountId, name: 'capped', maxCredits: credits(2) })
    expect(await talk(capped)).toEqual({ creditsUsed: credits(2), endedBy: 'credits' })
    await expect(talk(capped)).rejects.toMatchObject({ code: 'WORKFLOW_CEILING', available: 0n })
    await box.ledger.setBudget({ accountId, period: 'day', limit: credits(3) })
    const budgeted = box.workflow({ accountId, name: 'budgeted' })
    expect(await talk(budgeted)).toEqual({ creditsUsed: credits(3), endedBy: 'credits' })
    await expect(talk(budgeted)).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED', available: 0n })
    for (const workflow of [capped, budgeted]) await workflow.close()
  })

  it('ends before it could cost more than there is, where less of it costs more than a minute does', async () => {
    const steps = [{ amount: '18' }, { above: '0.75', amount: '1.2' }]
    const rates = [{ unit: 'minutes' as const, tiers: { mode: 'volume' as const, comparison: 'gt' as const, steps } }]
    const entries = [{ service: 'voice_stt', provider: 'deepgram', rates }]
    const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
    const { workflow } = await open(credits(5), { prices: new PriceBook({ name: 'dear', currency: 'credits', versions }) })
    const read = { seconds: 0 }
    const stream = await workflow.listen({ audio: sound(40, read), format })
    await texts(stream.events)
    expect(await stream.settled).toEqual({ creditsUsed: credits(5), endedBy: 'credits' })
    expect(read.seconds).toBeLessThan(18)
    expect(await workflow.close()).not.toHaveProperty('shortfall')
  })

  it('is charged once where a part was written and nobody was told', async () => {
    const { box, workflow, usage } = await open(credits(1_000), { onError: () => undefined })
    const settle = box.ledger.settleHold.bind(box.ledger)
    let lost = 0
    vi.spyOn(box.ledger, 'settleHold').mockImplementation(async (input, call) => {
      const outcome = await settle(input, call)
      if (!input.usageId?.endsWith('.part1') || lost >= 4) return outcome
      lost += 1
      throw new LedgerUnavailableError('the answer was lost')
    })
    const stream = await workflow.listen({ audio: sound(150), format })
    await texts(stream.events)
    expect(await stream.settled).toEqual({ creditsUsed: credits(20), endedBy: 'input' })
    expect(lost).toBe(4)
    expect((await usage()).reduce((sum, record) => sum + record.quantity, 0n)).toBe(quantity(150))
  })

  it('is charged once where its caller leaves while a part of it is being written', async () => {
    const { box, workflow, usage } = await open(credits(1_000))
    const { began, goOn } = holdUpFirstPart(box)
    const controller = new AbortController()
    const read = { seconds: 0 }
    const stream = await workflow.listen({ audio: sound(600, read), format, signal: controller.signal })
    const reading = texts(stream.events).catch(() => 0)
    await began
    controller.abort()
    await reading
    goOn()
    expect(await stream.settled).toMatchObject({ endedBy: 'caller' })
    expect((await usage()).reduce((sum, record) => sum + record.quantity, 0n)).toBeLessThanOrEqual(quantity(read.seconds))
  })

  it('charges nothing, and tells of no failure, for sound that comes after its end', async () => {
    const errors: unknown[] = []
    const { workflow, usage } = await open(credits(1_000), { onError: (error) => errors.push(error) })
    const [silent, spoken] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    async function* audio() {
      yield* sound(60)
      silent.resolve()
      await spoken.promise
      yield* sound(1)
    }
    const controller = new AbortController()
    const stream = await workflow.listen({ audio: audio(), format, signal: controller.signal })
    const reading = texts(stream.events).catch(() => 0)
    await silent.promise
    controller.abort()
    expect(await stream.settled).toEqual({ creditsUsed: credits(MINUTE), endedBy: 'caller' })
    await reading
    spoken.resolve()
    await workflow.close()
    expect(await usage()).toHaveLength(1)
    expect(errors).toEqual([])
  })

  it.each([Number.NaN, 0, -8_000, Number.POSITIVE_INFINITY])(
    'is not begun at a rate of %s, at which it has no length',
    async (sampleRate) => {
      const { box, accountId, workflow } = await open(credits(1_000))
      const odd = { ...format, sampleRate }
      const wrong = { code: 'INVALID_OPTION', message: expect.stringContaining('ormat.sampleRate') }
      await expect(workflow.listen({ audio: sound(60), format: odd })).rejects.toMatchObject(wrong)
      for (const formats of [{ inputFormat: odd }, { outputFormat: odd }]) {
        await expect(workflow.converse({ ...conversation, ...formats, input: turns(1) })).rejects.toMatchObject(wrong)
      }
      expect((await box.ledger.balance(accountId)).held).toBe(0n)
    },
  )

  it.each([undefined, null, 'mulaw'])('is not begun in the format %s, and says what one is', async (none) => {
    const { workflow } = await open(credits(1_000))
    const format = none as never
    const wrong = { code: 'INVALID_OPTION', message: expect.stringMatching(/ormat is missing: give one such as \{ encoding/) }
    await expect(workflow.listen({ audio: sound(60), format })).rejects.toMatchObject(wrong)
    await expect(workflow.converse({ ...conversation, inputFormat: format, input: turns(1) })).rejects.toMatchObject(wrong)
  })

  it('costs its caller what was heard when that one leaves', async () => {
    const { workflow, usage } = await open(credits(1_000))
    const read = { seconds: 0 }
    const stream = await workflow.listen({ audio: sound(600, read), format })
    for await (const _ of stream.events) if (read.seconds >= 40) break
    const { endedBy } = await stream.settled
    expect(endedBy).toBe('caller')
    const [record] = await usage()
    expect(record?.certainty).toBe('floor')
    expect(Number(record?.quantity) / 1e6).toBeCloseTo(read.seconds, -1)
  })

  it('has what all of its parts cost on the receipt of its attempt, though they were written one by one', async () => {
    const costs = new PriceBook({
      name: 'costs',
      currency: 'usd',
      versions: [
        {
          version: '1',
          effective_from: '2025-01-01T00:00:00Z',
          entries: [{ service: 'voice_stt', provider: 'deepgram', rates: [{ unit: 'minutes', amount: '0.006' }] }],
        },
      ],
    })
    const { workflow, usage } = await open(credits(1_000), { costs })
    const stream = await workflow.listen({ audio: sound(150), format })
    await texts(stream.events)
    await stream.settled
    expect((await usage()).length).toBeGreaterThan(1)
    const { attempts, total_credits_used } = await workflow.close()
    expect(total_credits_used).toBe(20)
    expect(attempts).toMatchObject([{ outcome: 'succeeded', certainty: 'derived', credits_used: 20, cost_usd: '0.015' }])
  })

  it('is opened at the next provider when the first refuses, and nothing was heard twice', async () => {
    const failing: ProviderAdapter = {
      ...simulated({ services: ['voice_stt'], name: 'first', failures: () => ({ kind: 'unavailable' }) }),
      isSimulated: false,
    }
    const { workflow } = await open(credits(1_000), { providers: [failing, simulated()] })
    const read = { seconds: 0 }
    const stream = await workflow.listen({ audio: sound(30, read), format })
    await texts(stream.events)
    expect(await stream.settled).toMatchObject({ creditsUsed: credits(4), endedBy: 'input' })
    expect(read.seconds).toBe(30)
    const { attempts = [] } = await workflow.close()
    expect(attempts.map(({ adapter, outcome, cause }) => `${adapter} ${outcome} ${cause}`)).toEqual([
      'first failed first',
      'first failed retry',
      'simulated succeeded fallback',
    ])
  })
})

describe('a failed attempt to transcribe that its customer pays for', () => {
  it('is charged before credits run out, and ends the transcription that much earlier', async () => {
    const usage: Usage = { quantities: [{ meter: 'duration', quantity: quantity(30), unit: 'seconds' }], certainty: 'exact' }
    const failing: ProviderAdapter = {
      ...simulated({ services: ['voice_stt'], name: 'failing' }),
      isSimulated: false,
      async *streamTranscription() {
        yield* []
        throw new ProviderError('cut off', { kind: 'incomplete', provider: 'deepgram', usage })
      },
    }
    const { workflow, balance } = await open(credits(20), { providers: [failing, simulated()], failedAttempts: 'charged' })
    const stream = await workflow.listen({ audio: sound(600), format })
    await texts(stream.events)
    expect(await stream.settled).toEqual({ creditsUsed: credits(16), endedBy: 'credits' })
    expect(await workflow.close()).toMatchObject({
      services_used: [{ credits_used: 20 }],
      attempts: [
        { outcome: 'failed', credits_used: 4 },
        { outcome: 'succeeded', credits_used: 16 },
      ],
    })
    expect(await workflow.receipt()).not.toHaveProperty('shortfall')
    expect(await balance()).toBe(0n)
  })
})

/** What somebody says in writing, a turn after the other. */
async function* turns(count: number): AsyncGenerator<RealtimeInput> {
  for (let turn = 0; turn < count; turn += 1) {
    yield { type: 'text', text: `This is question number ${turn}.` }
    yield { type: 'respond' }
  }
}

const conversation = { inputFormat: format, outputFormat: format, outputTokensMax: 400 }

describe.each(storeNames)('a conversation on %s', (on) => {
  it('is charged turn by turn, by what each turn tells', async () => {
    const { workflow, usage, balance } = await open(credits(1_000), { on })
    const stream = await workflow.converse({ ...conversation, input: turns(3) })
    const told: bigint[] = []
    for await (const event of stream.events) {
      if (event.type === 'turn') told.push(event.usage?.quantities.reduce((sum, one) => sum + one.quantity, 0n) ?? 0n)
    }
    const { creditsUsed, endedBy } = await stream.settled
    expect([told.length, endedBy]).toEqual([3, 'input'])
    expect((await usage()).map((record) => record.quantity)).toEqual(told)
    const tokens = told.reduce((sum, one) => sum + one, 0n) / 1_000_000n
    expect(creditsUsed).toBe(credits(Math.ceil(Number(tokens) / 100)))
    expect(await balance()).toBe(credits(1_000) - creditsUsed)
  })

  it('ends when the next answer cannot be paid, and never below zero', async () => {
    const { workflow, usage, balance } = await open(credits(30), { on })
    const low: number[] = []
    const onLow = ({ answersLeft }: { answersLeft: number }) => void low.push(answersLeft)
    const stream = await workflow.converse({ ...conversation, input: turns(200), onLow })
    let answers = 0
    for await (const event of stream.events) if (event.type === 'turn') answers += 1
    const { endedBy, creditsUsed } = await stream.settled
    expect(endedBy).toBe('credits')
    expect(answers).toBeGreaterThan(0)
    expect(answers).toBeLessThan(200)
    expect(low).toHaveLength(1)
    expect(await balance()).toBe(credits(30) - creditsUsed)
    // However early it was asked for, no answer was given that could not be paid.
    expect((await usage()).map(({ shortfall }) => shortfall).filter((shortfall) => shortfall > 0n)).toEqual([])
  })

  it('sets aside no more for an answer than the window of its model holds, however long it lasts', async () => {
    const simulation = simulated()
    const offers = simulation.offers.map((offer) => ({
      ...offer,
      capabilities: { ...offer.capabilities, ...(offer.service === 'realtime' && { contextTokens: 2_000 }) },
    }))
    const { box, accountId, workflow } = await open(credits(2_000), { on, providers: [{ ...simulation, offers }] })
    const stream = await workflow.converse({ ...conversation, input: turns(60) })
    let most = 0n
    for await (const event of stream.events) {
      const { held } = await box.ledger.balance(accountId)
      if (event.type === 'turn' && held > most) most = held
    }
    await stream.settled
    // What it reads is 20 credits, and what it may say 4.
    expect(most).toBe(credits(24))
  })

  it('sets aside no more for the first answer than its model can hear and say, and that suffices to begin', async () => {
    const simulation = simulated()
    const offers = simulation.offers.map((offer) => ({
      ...offer,
      capabilities: { ...offer.capabilities, ...(offer.service === 'realtime' && { contextTokens: 500, outputTokensMax: 400 }) },
    }))
    const { box, accountId, workflow } = await open(credits(20), { on, providers: [{ ...simulation, offers }] })
    const { promise: isLookedAt, resolve: speak } = Promise.withResolvers<void>()
    async function* input(): AsyncGenerator<RealtimeInput> {
      await isLookedAt
      yield* turns(1)
    }
    const stream = await workflow.converse({ ...conversation, outputTokensMax: 20_000, input: input() })
    const { held } = await box.ledger.balance(accountId)
    speak()
    for await (const _ of stream.events);
    await stream.settled
    // What it reads is 5 credits, and what it may say 4.
    expect(held).toBe(credits(9))
  })

  it('falls silent at once, and takes back the answers that it was asked for meanwhile', async () => {
    const { workflow } = await open(credits(1_000), { on })
    const { promise: speaking, resolve: speaks } = Promise.withResolvers<void>()
    async function* input(): AsyncGenerator<RealtimeInput> {
      yield* turns(3)
      await speaking
      yield { type: 'cancel' }
      yield { type: 'text', text: 'Never mind the others.' }
      yield { type: 'respond' }
    }
    const stream = await workflow.converse({ ...conversation, input: input() })
    const ends: boolean[] = []
    for await (const event of stream.events) {
      if (event.type === 'text') speaks()
      if (event.type === 'turn') ends.push(event.isComplete)
    }
    expect(ends).toEqual([false, true])
    expect((await stream.settled).endedBy).toBe('input')
  })
})

describe('a conversation', () => {
  it('is charged once for an answer whose caller leaves while it is being written', async () => {
    const { box, workflow, usage } = await open(credits(1_000))
    const { began, goOn } = holdUpFirstPart(box)
    const controller = new AbortController()
    const stream = await workflow.converse({ ...conversation, input: turns(2), signal: controller.signal })
    const reading = texts(stream.events).catch(() => 0)
    await began
    controller.abort()
    goOn()
    expect(await stream.settled).toMatchObject({ endedBy: 'caller' })
    await reading
    expect(await usage()).toHaveLength(1)
  })

  it('ends, at its provider too, where the next answer cannot be set aside because the database is away', async () => {
    const { box, workflow, usage } = await open(credits(1_000))
    vi.spyOn(box.ledger, 'extendHold').mockRejectedValue(new LedgerUnavailableError('the database is away'))
    async function* input() {
      yield* turns(1)
      await new Promise<never>(() => {})
    }
    const stream = await workflow.converse({ ...conversation, input: input() })
    await expect(texts(stream.events)).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
    expect(await stream.settled).toMatchObject({ endedBy: 'caller' })
    expect(await usage()).toHaveLength(1)
  })
})

/** A model that talks as it is told to, by what it reads of its input. */
function talker(talk: (inputs: AsyncIterator<RealtimeInput>) => AsyncIterable<RealtimeEvent>): ProviderAdapter {
  return {
    ...simulated({ services: ['realtime'] }),
    async *converse({ input, model }) {
      yield { type: 'open' }
      yield* talk(input[Symbol.asyncIterator]())
      yield { type: 'finish', model }
    },
  }
}

function turn(tokens: number): RealtimeEvent {
  const quantities: UsageQuantity[] = [{ meter: 'output', quantity: quantity(tokens), unit: 'tokens' }]
  return { type: 'turn', turnId: 't', isComplete: true, usage: { quantities, certainty: 'exact' } }
}

describe('a conversation with a model of its own will', () => {
  it('is charged for an answer that came whole, though its reader leaves before the end of it', async () => {
    const provider = talker(async function* (inputs) {
      for (let piece = 0; piece < 3; piece += 1) yield { type: 'audio', audio: new Uint8Array(8_000) }
      yield turn(5_000)
      await inputs.next()
    })
    const { workflow, usage } = await open(credits(1_000), { providers: [provider] })
    async function* input(): AsyncGenerator<RealtimeInput> {
      await new Promise<never>(() => {})
    }
    const stream = await workflow.converse({ ...conversation, input: input() })
    for await (const { type } of stream.events) {
      if (type !== 'audio') continue
      await vi.waitFor(async () => expect(await usage()).toHaveLength(1))
      break
    }
    expect(await stream.settled).toEqual({ creditsUsed: credits(50), endedBy: 'caller' })
    expect(await usage()).toMatchObject([{ quantity: 5_000_000_000n, certainty: 'exact' }])
  })

  it('ends when the next answer cannot be paid, though nobody reads', async () => {
    let answers = 0
    const provider = talker(async function* (inputs) {
      let isOver = false
      inputs.next().then(() => {
        isOver = true
      })
      for (; !isOver && answers < 100; answers += 1) {
        yield turn(5_000)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    })
    const { workflow, balance } = await open(credits(120), { providers: [provider] })
    async function* input(): AsyncGenerator<RealtimeInput> {
      await new Promise<never>(() => {})
    }
    const stream = await workflow.converse({ ...conversation, input: input() })
    expect((await stream.settled).endedBy).toBe('credits')
    expect(answers).toBeLessThan(100)
    expect(await balance()).toBeGreaterThanOrEqual(0n)
  })

  it('asks for the next answer only when the one that was silenced has been paid', async () => {
    const told: string[] = []
    const provider = talker(async function* (inputs) {
      const hear = async () => told.push((await inputs.next()).value?.type ?? 'end')
      await hear()
      yield { type: 'audio', audio: new Uint8Array(800) }
      await hear()
      const next = hear()
      for (let round = 0; round < 5; round += 1) await new Promise(setImmediate)
      told.push('turn')
      yield turn(5_000)
      await next
    })
    const { box, workflow } = await open(credits(1_000), { providers: [provider] })
    const settle = box.ledger.settleHold.bind(box.ledger)
    vi.spyOn(box.ledger, 'settleHold').mockImplementation(async (...given) => {
      const outcome = await settle(...given)
      told.push('charged')
      return outcome
    })
    const { promise: speaking, resolve: speaks } = Promise.withResolvers<void>()
    async function* input(): AsyncGenerator<RealtimeInput> {
      yield { type: 'respond' }
      await speaking
      yield { type: 'cancel' }
      yield { type: 'respond' }
    }
    const stream = await workflow.converse({ ...conversation, input: input() })
    for await (const { type } of stream.events) if (type === 'audio') speaks()
    await stream.settled
    expect(told.slice(0, 5)).toEqual(['respond', 'cancel', 'turn', 'charged', 'respond'])
  })

  it('asks for no answer while its model gives one that has only begun', async () => {
    const told: string[] = []
    const provider: ProviderAdapter = {
      ...simulated({ services: ['realtime'] }),
      async *converse({ input, model, onAnswer }) {
        yield { type: 'open' }
        const inputs = input[Symbol.asyncIterator]()
        await inputs.next()
        onAnswer?.()
        const next = inputs.next().then(({ value }) => told.push(value?.type ?? 'end'))
        for (let round = 0; round < 5; round += 1) await new Promise(setImmediate)
        told.push('turn')
        yield turn(5_000)
        await next
        yield turn(100)
        yield { type: 'finish', model }
      },
    }
    const { workflow } = await open(credits(1_000), { providers: [provider] })
    const stream = await workflow.converse({ ...conversation, input: turns(1) })
    await texts(stream.events)
    expect(told).toEqual(['turn', 'respond'])
    expect(await stream.settled).toEqual({ creditsUsed: credits(51), endedBy: 'input' })
  })

  it('stops an answer that its model began before it was known that it cannot be paid', async () => {
    const told: string[] = []
    const provider = talker(async function* (inputs) {
      await inputs.next()
      const next = inputs.next()
      yield turn(2_500)
      yield { type: 'text', text: 'And another thing' }
      for (let step = await next; !step.done; step = await inputs.next()) told.push(step.value.type)
      yield turn(10)
    })
    const { workflow, usage } = await open(credits(30), { providers: [provider] })
    async function* input(): AsyncGenerator<RealtimeInput> {
      yield { type: 'respond' }
      await new Promise<never>(() => {})
    }
    const stream = await workflow.converse({ ...conversation, input: input() })
    await texts(stream.events)
    expect(told).toEqual(['cancel'])
    expect(await stream.settled).toEqual({ creditsUsed: credits(26), endedBy: 'credits' })
    expect((await usage()).map(({ shortfall }) => shortfall)).toEqual([0n, 0n])
  })

  it('ended by its input, and not for lack of credits, where that came to its end before the last answer did', async () => {
    const provider = talker(async function* (inputs) {
      for (let step = await inputs.next(); !step.done; ) step = await inputs.next()
      yield turn(2_500)
    })
    const { workflow } = await open(credits(30), { providers: [provider] })
    const stream = await workflow.converse({ ...conversation, input: turns(1) })
    await texts(stream.events)
    expect(await stream.settled).toEqual({ creditsUsed: credits(25), endedBy: 'input' })
  })

  it('breaks off, and does not wait for good, where an answer that was silenced has no end', async () => {
    const provider = talker(async function* (inputs) {
      await inputs.next()
      yield { type: 'audio', audio: new Uint8Array(8_000) }
      await inputs.next()
      await inputs.next()
    })
    const { workflow, balance } = await open(credits(1_000), { providers: [provider], liveDeadlines: { finishMs: 30 } })
    const { promise: speaking, resolve: speaks } = Promise.withResolvers<void>()
    async function* input(): AsyncGenerator<RealtimeInput> {
      yield { type: 'respond' }
      await speaking
      yield { type: 'cancel' }
      yield { type: 'respond' }
    }
    const stream = await workflow.converse({ ...conversation, input: input() })
    const reading = (async () => {
      for await (const { type } of stream.events) if (type === 'audio') speaks()
    })()
    const cause = expect.objectContaining({ message: expect.stringContaining('was told to stop') })
    await expect(reading).rejects.toMatchObject({ code: 'STREAM_CUT', kind: 'timeout', cause })
    // A second of sound is 20 tokens.
    expect(await stream.settled).toEqual({ creditsUsed: credits(1), endedBy: 'provider' })
    expect(await balance()).toBe(credits(999))
  })

  it('breaks off where its input has ended, and the last request waits for an answer without an end', async () => {
    const provider = talker(async function* (inputs) {
      await inputs.next()
      await inputs.next()
      yield { type: 'audio', audio: new Uint8Array(8_000) }
      await inputs.next()
      await inputs.next()
    })
    const { workflow, balance } = await open(credits(1_000), { providers: [provider], liveDeadlines: { finishMs: 30 } })
    const stream = await workflow.converse({ ...conversation, input: turns(2) })
    await expect(texts(stream.events)).rejects.toMatchObject({ code: 'STREAM_CUT', kind: 'timeout' })
    expect(await stream.settled).toEqual({ creditsUsed: credits(1), endedBy: 'provider' })
    expect(await balance()).toBe(credits(999))
  })

  it('may pause for any time after an answer that was silenced has ended', async () => {
    const provider = talker(async function* (inputs) {
      await inputs.next()
      yield { type: 'audio', audio: new Uint8Array(8_000) }
      await inputs.next()
      // Until the next request waits.
      for (let round = 0; round < 5; round += 1) await new Promise(setImmediate)
      yield turn(100)
      await inputs.next()
      await new Promise((resolve) => setTimeout(resolve, 500))
      yield turn(100)
      await inputs.next()
    })
    const { workflow } = await open(credits(1_000), { providers: [provider], liveDeadlines: { finishMs: 250 } })
    const { promise: speaking, resolve: speaks } = Promise.withResolvers<void>()
    const { promise: answered, resolve: answers } = Promise.withResolvers<void>()
    async function* input(): AsyncGenerator<RealtimeInput> {
      yield { type: 'respond' }
      await speaking
      yield { type: 'cancel' }
      yield { type: 'respond' }
      await answered
    }
    const stream = await workflow.converse({ ...conversation, input: input() })
    let ends = 0
    for await (const { type } of stream.events) {
      if (type === 'audio') speaks()
      if (type === 'turn') ends += 1
      if (ends === 2) answers()
    }
    expect(await stream.settled).toEqual({ creditsUsed: credits(2), endedBy: 'input' })
  })

  it('costs as much where an answer is cut off as where its caller leaves', async () => {
    const costs = async (isCut: boolean) => {
      const said = Promise.withResolvers<void>()
      const provider = talker(async function* (inputs) {
        for (let input = 0; input < 2; input += 1) await inputs.next()
        yield { type: 'audio', audio: new Uint8Array(80_000) }
        await said.promise
        const usage: Usage = {
          quantities: [
            { meter: 'transcription_audio_input', quantity: quantity(10), unit: 'tokens' },
            { meter: 'audio_output', quantity: quantity(200), unit: 'tokens' },
          ],
          certainty: 'floor',
        }
        if (isCut) throw new ProviderError('the connection broke', { provider: 'openai', kind: 'incomplete', usage })
        await new Promise<never>(() => {})
      })
      const { workflow, usage } = await open(credits(1_000), { providers: [provider] })
      async function* input(): AsyncGenerator<RealtimeInput> {
        yield { type: 'audio', audio: new Uint8Array(800_000) }
        yield { type: 'respond' }
        await new Promise<never>(() => {})
      }
      const stream = await workflow.converse({ ...conversation, input: input() })
      const reading = (async () => {
        for await (const { type } of stream.events) {
          if (type !== 'audio') continue
          said.resolve()
          if (!isCut) return
        }
      })()
      if (isCut) await expect(reading).rejects.toMatchObject({ code: 'STREAM_CUT' })
      await reading.catch(() => undefined)
      await stream.settled
      const [record] = await usage()
      return [record?.certainty, record?.quantity]
    }
    expect(await costs(false)).toEqual(['floor', quantity(1_200)])
    // And ten tokens more, which only its provider knows of.
    expect(await costs(true)).toEqual(['floor', quantity(1_210)])
  })

  it('costs what was read once, where the provider of an answer that broke off has counted it too', async () => {
    const provider = talker(async function* (inputs) {
      await inputs.next()
      yield { type: 'audio', audio: new Uint8Array(80_000) }
      const quantities = [
        { meter: 'audio_input', quantity: quantity(900), unit: 'tokens' as const },
        { meter: 'audio_output', quantity: quantity(200), unit: 'tokens' as const },
      ]
      const usage: Usage = { quantities, certainty: 'floor' }
      throw new ProviderError('the connection broke', { provider: 'openai', kind: 'incomplete', usage })
    })
    const { workflow, usage } = await open(credits(1_000), { providers: [provider] })
    async function* input(): AsyncGenerator<RealtimeInput> {
      yield { type: 'audio', audio: new Uint8Array(800_000) }
      await new Promise<never>(() => {})
    }
    const stream = await workflow.converse({ ...conversation, input: input() })
    await expect(texts(stream.events)).rejects.toMatchObject({ code: 'STREAM_CUT' })
    await stream.settled
    expect((await usage()).map((record) => record.quantity)).toEqual([quantity(1_100)])
  })

  it('does not call it exact that nothing was used, where an answer broke off before it said anything', async () => {
    const provider = talker(async function* (inputs) {
      await inputs.next()
      yield turn(100)
      await inputs.next()
      throw new ProviderError('the connection broke', { provider: 'openai', kind: 'incomplete' })
    })
    const { box, accountId, workflow } = await open(credits(1_000), { providers: [provider] })
    const stream = await workflow.converse({ ...conversation, input: turns(2) })
    await expect(texts(stream.events)).rejects.toMatchObject({ code: 'STREAM_CUT' })
    expect(await stream.settled).toEqual({ creditsUsed: credits(1), endedBy: 'provider' })
    const records = await box.ledger.usageOf(accountId, workflow.id)
    expect(records.map(({ quantity: used, certainty }) => [used, certainty])).toEqual([
      [quantity(100), 'exact'],
      [0n, 'floor'],
    ])
  })

  it('gives no answer that cannot be paid after one that was silenced before it said anything', async () => {
    let answers = 0
    const provider = talker(async function* (inputs) {
      for (;;) {
        const { value, done } = await inputs.next()
        if (done) return
        if (value.type !== 'respond') continue
        answers += 1
        await inputs.next()
        yield turn(2_500)
      }
    })
    const { workflow, usage, balance } = await open(credits(30), { providers: [provider] })
    async function* input(): AsyncGenerator<RealtimeInput> {
      for (let round = 0; round < 3; round += 1) yield* [{ type: 'respond' }, { type: 'cancel' }] as const
      yield { type: 'respond' }
    }
    const stream = await workflow.converse({ ...conversation, input: input() })
    await texts(stream.events)
    expect(await stream.settled).toEqual({ creditsUsed: credits(25), endedBy: 'credits' })
    expect(answers).toBe(1)
    expect((await usage()).map(({ shortfall }) => shortfall)).toEqual([0n])
    expect(await balance()).toBe(credits(5))
  })
})

describe('live work whose input fails', () => {
  const inputs = {
    'because its source does': new Error('the microphone is gone'),
    'because it brings what is not bytes': new ArrayBuffer(8_000),
  }
  it.each(Object.entries(inputs))('has been ended by its caller, and costs what was heard: %s', async (_, last) => {
    const { workflow, usage, balance } = await open(credits(1_000))
    async function* audio(): AsyncGenerator<Uint8Array> {
      yield* sound(15)
      if (last instanceof Error) throw last
      yield last as unknown as Uint8Array
    }
    const stream = await workflow.listen({ audio: audio(), format })
    await expect(texts(stream.events)).rejects.toMatchObject({ code: 'STREAM_CUT' })
    expect(await stream.settled).toEqual({ creditsUsed: credits(2), endedBy: 'caller' })
    expect(await usage()).toMatchObject([{ quantity: 15_000_000n }])
    expect(await balance()).toBe(credits(998))
  })

  it.each(['listen', 'converse'] as const)('does not blame a provider that passes the failure on as it is: %s', async (what) => {
    const attempts: unknown[] = []
    const service = what === 'listen' ? 'voice_stt' : 'realtime'
    const { workflow } = await open(credits(1_000), {
      providers: [simulated({ services: [service] })],
      telemetry: { begin: () => ({ attempted: ({ outcome, errorKind }) => void attempts.push({ outcome, errorKind }) }) },
    })
    const gone = new Error('the microphone is gone')
    async function* audio(): AsyncGenerator<Uint8Array> {
      yield* sound(1)
      throw gone
    }
    async function* input(): AsyncGenerator<RealtimeInput> {
      for await (const piece of audio()) yield { type: 'audio', audio: piece }
    }
    const stream = await (what === 'listen'
      ? workflow.listen({ audio: audio(), format })
      : workflow.converse({ ...conversation, input: input() }))
    const error = await texts(stream.events).then(
      () => expect.unreachable(),
      (thrown) => thrown,
    )
    expect(error).toMatchObject({ code: 'STREAM_CUT', kind: 'aborted', cause: { cause: gone } })
    await stream.settled
    expect(attempts).toEqual([{ outcome: 'cut', errorKind: 'aborted' }])
  })

  it('names a piece of a conversation that is not bytes', async () => {
    const { workflow } = await open(credits(1_000))
    async function* input(): AsyncGenerator<RealtimeInput> {
      yield { type: 'audio', audio: new Int16Array(800) as unknown as Uint8Array }
    }
    const stream = await workflow.converse({ ...conversation, input: input() })
    const error: Error = await texts(stream.events).then(
      () => expect.unreachable(),
      (thrown) => thrown,
    )
    expect(inspect(error)).toContain('input must bring sound as Uint8Array, received Int16Array')
    expect((await stream.settled).endedBy).toBe('caller')
  })
})

describe('live work that cannot be paid because the database stays away', () => {
  it.each(['listen', 'converse'] as const)('says so to its reader, and does not blame its provider: %s', async (what) => {
    const { box, accountId, workflow } = await open(credits(1_000))
    const extend = box.ledger.extendHold.bind(box.ledger)
    vi.spyOn(box.ledger, 'extendHold').mockImplementation(async (...call) => {
      if (call[0].amount !== undefined) throw new LedgerUnavailableError('the database is away')
      return extend(...call)
    })
    async function* input(): AsyncGenerator<RealtimeInput> {
      for await (const piece of sound(150)) yield { type: 'audio', audio: piece }
    }
    const stream = await (what === 'listen'
      ? workflow.listen({ audio: sound(150), format })
      : workflow.converse({ ...conversation, input: input() }))
    await expect(texts(stream.events)).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE', isRetryable: true })
    // A minute was paid before.
    const { creditsUsed, endedBy } = await stream.settled
    expect([creditsUsed, endedBy]).toEqual([what === 'listen' ? credits(MINUTE) : 0n, 'caller'])
    expect(await box.ledger.balance(accountId)).toMatchObject({ balance: credits(1_000) - creditsUsed, held: 0n })
  })
})

describe('live work whose provider has heard all and never ends', () => {
  it.each(['listen', 'converse'] as const)('breaks off, is charged, and lets go of its hold: %s', async (what) => {
    const stopped = vi.fn()
    const never = (signal: AbortSignal) =>
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(stopped())))
    const provider: ProviderAdapter = {
      ...simulated({ services: ['voice_stt', 'realtime'] }),
      async *streamTranscription({ audio }, { signal }) {
        yield { type: 'open' }
        for await (const _ of audio);
        yield { type: 'transcript', text: 'Good evening.', isFinal: true }
        await never(signal)
      },
      async *converse({ input }, { signal }) {
        yield { type: 'open' }
        for await (const _ of input);
        yield { type: 'text', text: 'Good evening.' }
        await never(signal)
      },
    }
    const { box, accountId, workflow } = await open(credits(1_000), { providers: [provider], liveDeadlines: { finishMs: 30 } })
    const stream = await (what === 'listen'
      ? workflow.listen({ audio: sound(30), format })
      : workflow.converse({ ...conversation, input: turns(1) }))
    const heard: string[] = []
    const reading = (async () => {
      for await (const event of stream.events) heard.push(event.type)
    })()
    await expect(reading).rejects.toMatchObject({ kind: 'timeout' })
    expect(heard).toContain(what === 'listen' ? 'transcript' : 'text')
    const { creditsUsed, endedBy } = await stream.settled
    expect(endedBy).toBe('provider')
    expect(creditsUsed).toBe(what === 'listen' ? credits(MINUTE / 2) : 0n)
    await expect.poll(() => stopped).toHaveBeenCalledOnce()
    expect((await box.ledger.balance(accountId)).held).toBe(0n)
  })

  it('may take any time to say the last of it where the host says so', async () => {
    const provider: ProviderAdapter = {
      ...simulated({ services: ['voice_stt'] }),
      async *streamTranscription({ audio, model }) {
        yield { type: 'open' }
        for await (const _ of audio);
        await new Promise((resolve) => setTimeout(resolve, 20))
        yield { type: 'transcript', text: 'Good evening.', isFinal: true }
        yield { type: 'finish', model }
      },
    }
    const liveDeadlines = { finishMs: Number.POSITIVE_INFINITY }
    const { workflow } = await open(credits(1_000), { providers: [provider], liveDeadlines })
    const stream = await workflow.listen({ audio: sound(30), format })
    expect(await texts(stream.events)).toBe(1)
    expect(await stream.settled).toEqual({ creditsUsed: credits(MINUTE / 2), endedBy: 'input' })
  })
})

describe('live work whose input waits for somebody to speak', () => {
  it.each(['listen', 'converse'] as const)('closes that when it has ended: %s', async (what) => {
    const { workflow } = await open(credits(1_000))
    const closed = vi.fn(async () => ({ done: true as const, value: undefined }))
    const silence = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}), return: closed }) }
    const controller = new AbortController()
    const { signal } = controller
    const stream = await (what === 'listen'
      ? workflow.listen({ audio: silence, format, signal })
      : workflow.converse({ ...conversation, input: silence, signal }))
    const reading = texts(stream.events).catch(() => 0)
    await new Promise(setImmediate)
    controller.abort()
    await stream.settled
    await reading
    await expect.poll(() => closed).toHaveBeenCalledOnce()
  })

  it('remembers nothing of the pieces that were passed on', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const size = async () => {
      for (let round = 0; round < 3; round += 1) {
        await new Promise(setImmediate)
        collect()
      }
      return process.memoryUsage().heapUsed
    }
    const provider: ProviderAdapter = {
      ...simulated({ services: ['realtime'] }),
      async *converse({ input, model }) {
        yield { type: 'open' }
        for await (const _ of input);
        yield { type: 'finish', model }
      },
    }
    const { workflow } = await open(credits(1_000), { providers: [provider] })
    const piece: RealtimeInput = { type: 'audio', audio: new Uint8Array(1) }
    const pieces = 20_000
    let grown = 0
    async function* input(): AsyncGenerator<RealtimeInput> {
      for (let count = 0; count < 1_000; count += 1) yield piece
      const before = await size()
      for (let count = 0; count < pieces; count += 1) yield piece
      grown = (await size()) - before
    }
    const stream = await workflow.converse({ ...conversation, input: input() })
    await texts(stream.events)
    await stream.settled
    expect(grown / pieces).toBeLessThan(64)
  })
})

describe('live work that comes to what one request may cost', () => {
  const limited = { configuration: presets.balanced({ maxCreditsPerRequest: credits(10) }) }
  const underKey = async (service: string, provider: string, costLimitPerRequest: Credits) => {
    const { box, accountId } = await open(credits(1_000))
    const { key } = await openKey(box, accountId, { services: [{ service, provider, costLimitPerRequest }] })
    return box.workflowOf(key, { name: 'call' })
  }

  it('is transcribed no longer, warns before, and says which limit it was', async () => {
    const { workflow, balance } = await open(credits(1_000), limited)
    const read = { seconds: 0 }
    const warnings: number[] = []
    const onLow = ({ secondsLeft }: { secondsLeft: number }) => void warnings.push(secondsLeft)
    const stream = await workflow.listen({ audio: sound(600, read), format, lowSeconds: 20, onLow })
    await texts(stream.events)
    expect(await stream.settled).toEqual({ creditsUsed: credits(10), endedBy: 'request_limit' })
    expect(read.seconds).toBeGreaterThanOrEqual(73)
    expect(read.seconds).toBeLessThanOrEqual(76)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toBeLessThan(20)
    expect(await balance()).toBe(credits(990))
    // A key's limit of less than a minute is begun with as well.
    const keyed = await underKey('voice_stt', 'deepgram', credits(5))
    const short = await keyed.listen({ audio: sound(600), format })
    await texts(short.events)
    expect(await short.settled).toEqual({ creditsUsed: credits(5), endedBy: 'key_limit' })
    await keyed.close()
  })

  it('may have a limit of its own by what its metadata say', async () => {
    const conditions = [{ when: { tier: 'free' }, use: { maxCreditsPerRequest: credits(4) } }]
    const { workflow } = await open(credits(1_000), { configuration: presets.balanced({ conditions }) })
    const stream = await workflow.listen({ audio: sound(100), format, metadata: { tier: 'free' } })
    await texts(stream.events)
    expect(await stream.settled).toEqual({ creditsUsed: credits(4), endedBy: 'request_limit' })
    const other = await workflow.listen({ audio: sound(100), format })
    await texts(other.events)
    expect(await other.settled).toMatchObject({ endedBy: 'input' })
  })

  it('answers no more, before an answer that could be above it', async () => {
    const { workflow } = await open(credits(1_000), { configuration: presets.balanced({ maxCreditsPerRequest: credits(30) }) })
    const talk = async (by: Workflow) => {
      const low: number[] = []
      const onLow = ({ answersLeft }: { answersLeft: number }) => void low.push(answersLeft)
      const stream = await by.converse({ ...conversation, input: turns(200), onLow })
      for await (const _ of stream.events);
      expect(low).toHaveLength(1)
      return stream.settled
    }
    const { endedBy, creditsUsed } = await talk(workflow)
    expect(endedBy).toBe('request_limit')
    expect(creditsUsed).toBeGreaterThan(credits(10))
    expect(creditsUsed).toBeLessThanOrEqual(credits(30))
    const keyed = await underKey('realtime', 'gpt-realtime', credits(30))
    expect(await talk(keyed)).toEqual({ endedBy: 'key_limit', creditsUsed })
    await keyed.close()
  })
})

describe('live work that may not spend what there is', () => {
  const blocks = [
    ['account_frozen', ({ ledger }: Farebox, accountId: string) => ledger.freezeAccount({ accountId, isFrozen: true })],
    [
      'ended_elsewhere',
      ({ ledger }: Farebox, accountId: string, workflowId: string) => ledger.closeWorkflow({ accountId, workflowId }),
    ],
  ] as const

  it.each(blocks)('says so by %s where it is heard', async (blockedBy, block) => {
    const { box, accountId, workflow } = await open(credits(1_000))
    const stop = () => block(box, accountId, workflow.id)
    async function* heard() {
      yield* sound(30)
      await stop()
      yield* sound(90)
    }
    const ear = await workflow.listen({ audio: heard(), format })
    expect(await ear.settled).toEqual({ creditsUsed: credits(8), endedBy: 'credits', blockedBy })
    await workflow.close()
  })

  it.each(blocks)('says so by %s where it converses', async (blockedBy, block) => {
    const { box, accountId, workflow } = await open(credits(1_000))
    const isOver = Promise.withResolvers<void>()
    async function* said(): AsyncGenerator<RealtimeInput> {
      yield* [{ type: 'text' as const, text: 'Good day' }, { type: 'respond' as const }]
      await isOver.promise
    }
    const talk = await workflow.converse({ input: said(), inputFormat: format, outputFormat: format, outputTokensMax: 400 })
    for await (const { type } of talk.events) if (type === 'audio') await block(box, accountId, workflow.id)
    isOver.resolve()
    expect(await talk.settled).toMatchObject({ endedBy: 'credits', blockedBy })
    await workflow.close()
  })

  it.each(blocks)('says so by %s where its time is metered', async (blockedBy, block) => {
    const { box, accountId, workflow } = await open(credits(1_000))
    const told: unknown[] = []
    const onSpent = (facts: unknown) => told.push(facts)
    const time = await workflow.meter({ service: 'voice_stt', provider: 'deepgram', onSpent })
    await time.reached(5)
    await block(box, accountId, workflow.id)
    for (let second = 6; !time.isSpent; second += 1) await time.reached(second)
    expect(told).toEqual([{ reason: 'credits', blockedBy }])
    await time.end()
    await workflow.close()
  })
})

describe('live work of which a provider counts what nobody priced', () => {
  const video: UsageQuantity = { meter: 'video', quantity: quantity(3), unit: 'images' }
  const odd = (usage: Usage | undefined): Usage | undefined =>
    usage && { ...usage, quantities: [...usage.quantities, video], raw: { images: 3 } }
  /** The last part of a conversation that its turns did not tell. */
  const untold: Usage = { quantities: [video], certainty: 'exact', raw: { images: 3 } }

  async function* counted<Event extends RealtimeEvent | TranscriptEvent>(events: AsyncIterable<Event>): AsyncGenerator<Event> {
    for await (const event of events) {
      if (event.type === 'turn') yield { ...event, usage: odd(event.usage) }
      else if (event.type === 'finish') yield { ...event, usage: event.model === 'gpt-realtime' ? untold : odd(event.usage) }
      else yield event
    }
  }

  it('is charged by what was measured here, and keeps what was counted on record', async () => {
    const simulation = simulated()
    const provider: ProviderAdapter = {
      ...simulation,
      converse: (request, context) => counted(simulation.converse?.(request, context) ?? nothing()),
      streamTranscription: (request, context) => counted(simulation.streamTranscription?.(request, context) ?? nothing()),
    }
    const errors: unknown[] = []
    const { box, accountId, workflow, usage, balance } = await open(credits(1_000), {
      providers: [provider],
      onError: (error) => errors.push(error),
    })
    const talk = await workflow.converse({ ...conversation, input: turns(2) })
    for await (const _ of talk.events);
    const { creditsUsed } = await talk.settled
    expect(creditsUsed).toBeGreaterThan(0n)
    const spoken = await usage()
    expect(spoken.map(({ certainty }) => certainty)).toEqual(['floor', 'floor'])
    const kept = { raw: { images: 3 }, unpriced: expect.arrayContaining([{ meter: 'video', quantity: '3', unit: 'images' }]) }
    const all = await box.ledger.usageOf(accountId, workflow.id)
    expect(all.map(({ details }) => details)).toEqual(Array.from({ length: 3 }, () => expect.objectContaining(kept)))
    expect(all.at(-1)).toMatchObject({ quantity: 0n, charged: 0n, certainty: 'floor' })
    expect(errors.map((error) => (error as FareboxError).code)).toEqual(Array.from({ length: 3 }, () => 'PRICE_NOT_FOUND'))

    const heard = await workflow.listen({ audio: sound(60), format })
    await texts(heard.events)
    expect(await heard.settled).toEqual({ creditsUsed: credits(MINUTE), endedBy: 'input' })
    expect((await usage()).at(-1)).toMatchObject({ quantity: quantity(60), certainty: 'floor', details: kept })
    const { held } = await box.ledger.balance(accountId)
    expect([await balance(), held]).toEqual([credits(1_000) - creditsUsed - credits(MINUTE), 0n])
  })

  it('costs us all that was counted, as the cost book has a price for it', async () => {
    const rates = [
      { unit: 'tokens' as const, amount: '0.001', per: '1' },
      { unit: 'images' as const, amount: '1' },
    ]
    const entries = [{ service: 'realtime', provider: 'gpt-realtime', rates }]
    const versions = [{ version: '1', effective_from: '2025-01-01T00:00:00Z', entries }]
    const costs = new PriceBook({ name: 'costs', currency: 'usd', versions })
    const { converse = nothing } = simulated()
    const told: Usage[] = []
    async function* second(events: AsyncIterable<RealtimeEvent>): AsyncGenerator<RealtimeEvent> {
      for await (const event of events) {
        const isOdd = event.type === 'turn' && told.length === 1
        const usage = event.type === 'turn' && event.usage
        if (usage) told.push(isOdd ? (odd(usage) ?? usage) : usage)
        yield isOdd ? { ...event, usage: told.at(-1) } : event
      }
    }
    const provider = { ...simulated(), converse: (...call: Parameters<typeof converse>) => second(converse(...call)) }
    const { workflow, usage } = await open(credits(1_000), { providers: [provider], costs, onError: () => {} })
    const stream = await workflow.converse({ ...conversation, input: turns(3) })
    for await (const _ of stream.events);
    await stream.settled
    const expected = told.map(({ quantities }) =>
      quantities.reduce((sum, one) => sum + one.quantity * (one.unit === 'images' ? 1_000n : 1n), 0n),
    )
    expect((await usage()).map(({ cost }) => cost)).toEqual(expected)
    const whole = Number(expected.reduce((sum, cost) => sum + cost, 0n)) / 1e9
    expect((await workflow.close()).attempts).toMatchObject([{ cost_usd: String(whole) }])
  })

  it('is charged by the part of the report that has a price, where that is more', async () => {
    const talk = async (converse: ProviderAdapter['converse']) => {
      const { workflow, usage } = await open(credits(1_000), { providers: [{ ...simulated(), converse }], onError: () => {} })
      const stream = await workflow.converse({ ...conversation, input: turns(2) })
      for await (const _ of stream.events);
      return { ...(await stream.settled), kept: (await usage()).map(({ certainty, quantity }) => ({ certainty, quantity })) }
    }
    async function* thrice(events: AsyncIterable<RealtimeEvent>): AsyncGenerator<RealtimeEvent> {
      for await (const event of events) {
        if (event.type !== 'turn' || !event.usage) yield event
        else {
          const quantities = event.usage.quantities.map((one) => ({ ...one, quantity: (one.quantity * 3n) as Quantity }))
          yield { ...event, usage: { ...event.usage, quantities } }
        }
      }
    }
    const { converse = nothing } = simulated()
    const plain = await talk((request, context) => thrice(converse(request, context)))
    const odd = await talk((request, context) => counted(thrice(converse(request, context))))
    expect(odd).toEqual({ ...plain, kept: plain.kept.map((each) => ({ ...each, certainty: 'floor' })) })
  })

  async function* nothing(): AsyncGenerator<never> {}
})

describe('texts', () => {
  it('become vectors, at the price of their tokens', async () => {
    const { workflow, usage } = await open(credits(100))
    const { embeddings, provider, creditsUsed } = await workflow.embed({ inputs: ['The heron sleeps.', 'It hunts at dusk.'] })
    expect([embeddings.length, provider]).toEqual([2, 'text-embedding-3-small'])
    const [record] = await usage()
    expect(creditsUsed).toBe(credits(Math.ceil(Number(record?.quantity) / 1e7)))
  })

  it('are spoken piece by piece, at the price of the whole text however much of it was heard', async () => {
    const { workflow, usage } = await open(credits(100))
    const text = 'x'.repeat(300)
    const whole = await workflow.streamSpeech({ text })
    let bytes = 0
    for await (const event of whole.events) if (event.type === 'audio') bytes += event.audio.length
    expect(bytes).toBeGreaterThan(0)
    expect(await whole.settled).toEqual({ creditsUsed: credits(3), balance: credits(97), isComplete: true })

    const half = await workflow.streamSpeech({ text })
    for await (const _ of half.events) break
    expect(await half.settled).toEqual({ creditsUsed: credits(3), balance: credits(94), isComplete: false })
    expect((await usage()).map(({ certainty }) => certainty)).toEqual(['exact', 'ceiling'])
  })
})

describe('live sound with a price of its own', () => {
  const hearing = (provider: string): ProviderAdapter => ({
    name: `adapter of ${provider}`,
    isSimulated: false,
    availability: { status: 'ready' },
    offers: [
      {
        service: 'voice_stt',
        provider,
        model: `${provider}-recorded`,
        liveModel: `${provider}-live`,
        capabilities: { streaming: true },
        quality: 0.8,
        latencyMs: 100,
      },
    ],
    async *streamTranscription({ audio, model }) {
      yield { type: 'open' }
      for await (const _ of audio) yield { type: 'transcript', text: 'yes', isFinal: true }
      yield { type: 'finish', model }
    },
  })
  /** A book of the prices of a minute, by model. */
  const bookOf = (minutes: Record<string, string>, currency: 'credits' | 'usd' = 'credits') => {
    const entries = Object.entries(minutes).map(([model, amount]) => {
      return { service: 'voice_stt', provider: model.split('-')[0] ?? '', model, rates: [{ unit: 'minutes' as const, amount }] }
    })
    const version = { version: '1', effective_from: '2025-01-01T00:00:00Z', entries }
    return new PriceBook({ name: 'models', currency, versions: [version] })
  }
  const lowest = presets.balanced({ strategy: 'lowest_cost', sttProvider: null })

  it('is routed, held for and charged by that price', async () => {
    const { workflow, usage, box } = await open(credits(5), {
      providers: [hearing('dear'), hearing('cheap')],
      prices: bookOf({ 'dear-recorded': '6', 'dear-live': '60', 'cheap-recorded': '12', 'cheap-live': '3' }),
      configuration: lowest,
    })
    const stream = await workflow.listen({ audio: sound(60), format })
    await texts(stream.events)
    expect(stream.provider).toBe('cheap')
    expect(await stream.settled).toEqual({ creditsUsed: credits(3), endedBy: 'input' })
    const decision = (await usage()).at(-1)?.details as { decision?: unknown } | undefined
    expect(unpackDecision(decision?.decision)?.candidates.map(({ provider, charge }) => [provider, charge])).toEqual([
      ['cheap', '3'],
      ['dear', '60'],
    ])
    await workflow.close()
    const { difference } = await box.simulate({ from: 0, to: Date.UTC(2100, 0, 1), changes: { sttProvider: 'cheap' } })
    expect(difference).toBe(0n)
  })

  it.each(['charged', 'ours'] as const)('costs that price when it fails as well, which is %s', async (failedAttempts) => {
    const usage: Usage = { quantities: [{ meter: 'duration', quantity: quantity(30), unit: 'seconds' }], certainty: 'exact' }
    const failing: ProviderAdapter = {
      ...hearing('cheap'),
      async *streamTranscription() {
        yield* []
        throw new ProviderError('cut off', { kind: 'incomplete', provider: 'cheap', usage })
      },
    }
    const { box, accountId, workflow, balance } = await open(credits(100), {
      providers: [failing, hearing('dear')],
      prices: bookOf({ 'cheap-recorded': '1', 'cheap-live': '10', 'dear-recorded': '2', 'dear-live': '20' }),
      costs: bookOf({ 'cheap-recorded': '0.1', 'cheap-live': '1', 'dear-live': '2' }, 'usd'),
      configuration: lowest,
      failedAttempts,
    })
    const stream = await workflow.listen({ audio: sound(60), format })
    await texts(stream.events)
    expect(await stream.settled).toEqual({ creditsUsed: credits(20), endedBy: 'input' })
    expect(await balance()).toBe(credits(failedAttempts === 'charged' ? 75 : 80))
    const [failed] = await box.ledger.usageOf(accountId, workflow.id)
    expect(failed).toMatchObject({ model: 'cheap-recorded', cost: 500_000_000n })
    const [explained] = await workflow.explain()
    expect(explained?.explanation?.model).toBe(failedAttempts === 'charged' ? 'cheap-live' : undefined)
  })

  it('holds for a failed attempt at that price, beside what comes after it, where customers pay for those', async () => {
    const usage: Usage = { quantities: [{ meter: 'duration', quantity: quantity(30), unit: 'seconds' }], certainty: 'exact' }
    const held: bigint[] = []
    const note = async () => held.push((await box.ledger.balance(accountId)).held)
    const failing: ProviderAdapter = {
      ...hearing('cheap'),
      async *streamTranscription() {
        yield* []
        await note()
        throw new ProviderError('cut off', { kind: 'incomplete', provider: 'cheap', usage })
      },
    }
    const dear = hearing('dear')
    const next: ProviderAdapter = {
      ...dear,
      async *streamTranscription(request, context) {
        await note()
        yield* dear.streamTranscription?.(request, context) ?? []
      },
    }
    const { box, accountId, workflow } = await open(credits(1_000), {
      providers: [failing, next],
      prices: bookOf({ 'cheap-recorded': '1', 'cheap-live': '10', 'dear-recorded': '10', 'dear-live': '10' }),
      configuration: presets.balanced({ sttProvider: 'cheap' }),
      failedAttempts: 'charged',
    })
    const stream = await workflow.listen({ audio: sound(60), format })
    await texts(stream.events)
    await stream.settled
    const [first = 0n, second = 0n] = held
    expect(second - first).toBe(credits(5))
    await workflow.close()
  })

  it('is compared with the prices of today by that price, before another seller is recommended', async () => {
    let now = Date.UTC(2026, 0, 1)
    const minutes = { 'dear-recorded': '1', 'dear-live': '60', 'cheap-recorded': '1', 'cheap-live': '3' }
    const document = bookOf(minutes).document
    const [version] = document.versions
    const later = { ...version, version: '2', effective_from: '2026-06-01T00:00:00Z' }
    const { box, accountId, workflow } = await open(credits(100), {
      providers: [hearing('dear'), hearing('cheap')],
      prices: new PriceBook({ ...document, versions: [version, later] } as ConstructorParameters<typeof PriceBook>[0]),
      configuration: presets.balanced({ sttProvider: 'dear' }),
      clock: () => now,
    })
    await texts((await workflow.listen({ audio: sound(60), format })).events)
    await workflow.close()
    now = Date.UTC(2026, 6, 1)
    const { recommendations } = await box.recommendations({ accountId, from: 0, to: Date.UTC(2100, 0, 1) })
    expect(recommendations).toMatchObject([{ from_provider: 'dear', to_provider: 'cheap' }])
  })

  it('is simulated at that price where nobody knows the offers either, as on the command line', async () => {
    const minutes = { 'dear-recorded': '6', 'dear-live': '60', 'cheap-recorded': '12', 'cheap-live': '3' }
    const { box, accountId, workflow } = await open(credits(100), {
      providers: [hearing('dear'), hearing('cheap')],
      prices: bookOf(minutes),
      configuration: lowest,
    })
    await texts((await workflow.listen({ audio: sound(60), format })).events)
    await workflow.close()
    const parts = { ledger: box.ledger, book: bookOf(minutes), catalog: undefined, classifier: undefined, now: Date.now() }
    const simulated = async (input: Partial<SimulateInput>) => {
      const ever = { from: 0, to: Date.UTC(2100, 0, 1), accountId }
      return (await simulate({ ...parts, isRetired: () => false }, { ...ever, ...input })).creditsNow
    }
    expect(await simulated({ prices: bookOf(minutes) })).toBe(credits(3))
    expect(await simulated({ prices: bookOf({ ...minutes, 'cheap-live': '5' }) })).toBe(credits(5))
    expect(await simulated({ prices: bookOf({ ...minutes, 'cheap-live': '90' }) })).toBe(credits(60))
    expect(await simulated({ changes: { sttProvider: 'dear', strategy: 'configured' } })).toBe(credits(60))
    expect(await simulated({ changes: { sttProvider: 'cheap', strategy: 'configured' } })).toBe(credits(3))
  })

  it('is one call of the provider it was routed to, in however many parts it was charged, when another is recommended', async () => {
    const { box, accountId, workflow, usage } = await open(credits(1_000), {
      providers: [hearing('dear'), hearing('cheap')],
      prices: bookOf({ 'dear-live': '60', 'cheap-live': '3' }),
      configuration: presets.balanced({ sttProvider: 'dear' }),
    })
    await texts((await workflow.listen({ audio: sound(150), format })).events)
    await workflow.close()
    expect((await usage()).length).toBeGreaterThan(1)
    const { recommendations } = await box.recommendations({ accountId })
    expect(recommendations).toMatchObject([{ to_provider: 'cheap', calls: 1, calls_changed: 1, credits_saved: 142 }])
    expect(recommendations[0]?.assumptions.join()).not.toContain('outside Farebox')
  })

  it('is not given to a little-known provider as a trial, whose price its customer would pay', async () => {
    const { workflow } = await open(credits(100), {
      providers: [hearing('usual'), hearing('new')],
      prices: bookOf({ 'usual-live': '10', 'new-live': '20' }),
      configuration: presets.balanced({ sttProvider: null, exploration: 1, strategy: 'balanced' }),
      random: () => 0.99,
    })
    for (let call = 0; call < 3; call += 1) {
      const stream = await workflow.listen({ audio: sound(60), format })
      await texts(stream.events)
      expect([stream.provider, (await stream.settled).creditsUsed]).toEqual(['usual', credits(10)])
    }
  })

  it('is refused before any provider is asked, and without a hold, where that price is missing', async () => {
    const { workflow, box, accountId } = await open(credits(100), {
      providers: [hearing('dear')],
      prices: bookOf({ 'dear-recorded': '6' }),
      configuration: lowest,
    })
    await expect(workflow.listen({ audio: sound(1), format })).rejects.toMatchObject({ code: 'NO_PROVIDER' })
    expect(await box.ledger.balance(accountId)).toMatchObject({ held: 0n })
  })
})
