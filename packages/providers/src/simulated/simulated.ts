import {
  type Clock,
  checkOptionNames,
  checkOptionType,
  countCharacters,
  describeOption,
  InvalidOptionError,
  nearestNames,
  type Offer,
  type PhoneResult,
  type ProviderAdapter,
  ProviderError,
  type RealtimeEvent,
  type Service,
  soundSeconds,
  systemClock,
} from '@farebox/core'
import { openCall } from '../adapter/call.ts'
import { checkAdapterOptions, checkNumber } from '../adapter/check-adapter-options.ts'
import { speechUsage } from '../adapter/speech-usage.ts'
import { fingerprint } from './fingerprint.ts'
import { countInputTokens, countTokens, simulatedChat, tokenUsage } from './simulated-chat.ts'
import { conversationUsage, simulatedConversation, type Talked } from './simulated-conversation.ts'
import { simulatedEmbedding } from './simulated-embedding.ts'
import { createEngine } from './simulated-engine.ts'
import { checkFailure, type SimulatedFailures } from './simulated-failure.ts'
import { checkLatency, type SimulatedLatency } from './simulated-latency.ts'
import { simulatedListening } from './simulated-listening.ts'
import { type OfferPair, simulatedOffers, withoutPairs } from './simulated-offers.ts'
import { SimulatedRecords, simulatedCallCost } from './simulated-records.ts'
import { durationUsage, simulatedCallSeconds, simulatedDuration, simulatedSound, simulatedTranscript } from './simulated-voice.ts'

/** What {@link simulated} sells, how fast it answers and how it fails. */
export interface SimulatedOptions {
  /** Answers depend on this seed and the request alone. @defaultValue 1 */
  seed?: number
  /** What the adapter sells. @defaultValue {@link simulatedOffers} */
  offers?: readonly Offer[]
  /** Sells only offers of these services. @defaultValue all services */
  services?: readonly Service[]
  /** Leaves out what these offers sell. Pass your real adapters' offers to simulate only what they lack. */
  except?: readonly OfferPair[]
  /** The time before a call's first part, in milliseconds. @defaultValue 0 */
  latencyMs?: SimulatedLatency
  /** The time between two parts of a stream, in milliseconds. @defaultValue 0 */
  betweenPartsMs?: SimulatedLatency
  /** How calls fail. @defaultValue no call fails */
  failures?: SimulatedFailures
  /**
   * How long a silence must last to end a sentence of live audio, in milliseconds. Silence then transcribes to no words.
   *
   * @defaultValue silence transcribes to words too
   */
  pauseMs?: number
  /** How long a phone call lasts, in seconds. @defaultValue as long as it takes to speak its text */
  callSeconds?: number
  /** How long after a phone call its price becomes known, in milliseconds. At 0 the call's result has it. @defaultValue 60,000 */
  priceDelayMs?: number
  /** How many requests to keep for `records`. @defaultValue 10,000 */
  recordsMax?: number
  /** Waits for a time. Tests that control the clock replace it. @defaultValue a timer */
  sleep?: (milliseconds: number) => Promise<void>
  /** The clock that dates records. @defaultValue the system clock */
  now?: Clock
  /** The adapter's name. @defaultValue `simulated` */
  name?: string
}

const known: Record<keyof SimulatedOptions, true> = {
  seed: true,
  offers: true,
  services: true,
  except: true,
  latencyMs: true,
  betweenPartsMs: true,
  failures: true,
  pauseMs: true,
  callSeconds: true,
  priceDelayMs: true,
  recordsMax: true,
  sleep: true,
  now: true,
  name: true,
}

/**
 * A provider of every service, for development and tests. It needs no network and no key, and costs nothing.
 *
 * Answers depend on the request and the seed alone. Where a JSON Schema is given for the answer (`response_format`) or for a tool's
 * arguments, they fit it, though patterns in it are not followed. Usage is exact, audio is playable and signals end calls at once. Calls fail
 * as `failures` say. `records` lists what the adapter served, as a real provider's records would.
 */
export function simulated(options: SimulatedOptions = {}): ProviderAdapter {
  checkOptionNames(options, known, 'simulated()')
  checkAdapterOptions(options)
  checkSimulated(options)
  const { name, seed, failures, sleep, now, priceDelayMs } = {
    name: options.name ?? 'simulated',
    seed: options.seed ?? 1,
    failures: options.failures ?? {},
    sleep: options.sleep ?? wait,
    now: options.now ?? systemClock,
    priceDelayMs: options.priceDelayMs ?? 60_000,
  }
  const offers = withoutPairs(options.offers ?? simulatedOffers, options.except ?? []).filter(
    ({ service }) => options.services?.includes(service) ?? true,
  )
  const latencyMs = checkLatency('latencyMs', options.latencyMs ?? 0)
  const betweenPartsMs = checkLatency('betweenPartsMs', options.betweenPartsMs ?? 0)
  const records = new SimulatedRecords(options.recordsMax ?? 10_000)
  const { plain, parted } = createEngine({ name, seed, offers, failures, latencyMs, betweenPartsMs, sleep, now, records })

  return {
    name,
    isSimulated: true,
    availability: { status: 'ready' },
    offers,
    dialectOf: ({ service }) => (CHATS.includes(service) ? 'openai-chat' : undefined),
    chat: (request, context) =>
      plain({ services: CHATS, model: request.model }, context, ({ requestId }) => ({
        ...simulatedChat(request, seed),
        requestId,
      })),
    streamChat: (request, context) =>
      parted({ services: CHATS, model: request.model }, context, ({ requestId }) => {
        const { text, toolCalls = [], finishReason, model, usage } = simulatedChat(request, seed)
        const parts = [
          ...(text.match(/\S+\s*/g) ?? []).map((word) => ({ type: 'text' as const, text: word })),
          ...toolCalls.map((toolCall, index) => ({ type: 'tool_call' as const, index, ...toolCall })),
        ]
        return {
          parts,
          finish: () => ({ type: 'finish' as const, finishReason, model, usage, requestId }),
          usageAfter: (count) => {
            const said = parts.slice(0, count).map((part) => ('text' in part ? part.text : part.arguments))
            return { ...tokenUsage(countInputTokens(request), countTokens(said.join(''))), certainty: 'floor' }
          },
        }
      }),
    transcribe: (request, context) =>
      plain({ services: ['voice_stt'], model: request.model }, context, ({ requestId }) => {
        const durationSeconds = simulatedDuration(request.audio)
        if (durationSeconds === undefined) throw invalid(name, 'the audio cannot be read')
        return {
          text: simulatedTranscript(request.audio.data, durationSeconds, seed),
          durationSeconds,
          language: request.language ?? 'en',
          model: request.model,
          usage: durationUsage(durationSeconds),
          requestId,
        }
      }),
    streamTranscription: (request, context) =>
      parted({ services: ['voice_stt'], model: request.model }, context, ({ call, requestId }) => {
        const hearing = { bytes: 0 }
        const durationSeconds = () => soundSeconds(hearing.bytes, request.format)
        return {
          parts: opened(requestId, () =>
            simulatedListening(request, { seed, pauseMs: options.pauseMs ?? undefined }, call, hearing),
          ),
          usageAfter: () => ({ ...durationUsage(durationSeconds()), certainty: 'floor' }),
          finish: () => ({
            type: 'finish' as const,
            model: request.model,
            durationSeconds: durationSeconds(),
            usage: durationUsage(durationSeconds()),
            requestId,
          }),
        }
      }),
    speak: (request, context) =>
      plain({ services: ['voice_tts'], model: request.model }, context, ({ requestId }) => {
        checkText(name, offers, request.model, request.text)
        return {
          ...simulatedSound(request.text, request.format, seed),
          model: request.model,
          usage: speechUsage(request.text, 'exact'),
          requestId,
        }
      }),
    streamSpeech: (request, context) =>
      parted({ services: ['voice_tts'], model: request.model }, context, ({ requestId }) => {
        checkText(name, offers, request.model, request.text)
        const { audio } = simulatedSound(request.text, request.format, seed)
        return {
          parts: slices(audio).map((slice) => ({ type: 'audio' as const, audio: slice })),
          finish: () => ({ type: 'finish' as const, model: request.model, usage: speechUsage(request.text, 'exact'), requestId }),
          usageAfter: () => speechUsage(request.text, 'ceiling'),
        }
      }),
    converse: (request, context) =>
      parted({ services: ['realtime'], model: request.model }, context, ({ call, requestId }) => {
        const talked: Talked = { told: [], untold: undefined }
        return {
          parts: opened(requestId, () => simulatedConversation(request, seed, call, talked)),
          usageAfter: () => talked.untold,
          used: () => conversationUsage(talked),
          finish: (): Extract<RealtimeEvent, { type: 'finish' }> => ({ type: 'finish', model: request.model, requestId }),
        }
      }),
    embed: (request, context) =>
      plain({ services: ['embedding'], model: request.model }, context, ({ requestId }) => {
        if (request.inputs.length === 0 || request.inputs.includes('')) throw invalid(name, 'there is a text missing')
        return { ...simulatedEmbedding(request, seed), requestId }
      }),
    call: (request, context) =>
      plain(
        { services: ['phone'] },
        context,
        (): PhoneResult => {
          const said = request.instructions.type === 'say' ? request.instructions.text : 'x'.repeat(400)
          const wanted = options.callSeconds ?? simulatedCallSeconds(said)
          const durationSeconds = Math.min(wanted, request.durationSecondsMax)
          return {
            callId: `CA${fingerprint(seed, `${request.to} ${context.attemptId}`).toString(16).padStart(32, '0')}`,
            status: 'completed',
            durationSeconds,
            usage: durationUsage(durationSeconds),
            ...(priceDelayMs === 0 ? { cost: simulatedCallCost(durationSeconds) } : {}),
          }
        },
        ({ callId: requestId, durationSeconds, usage }) => {
          const cost = simulatedCallCost(durationSeconds)
          return { requestId, to: request.to, usage, cost, pricedAt: now() + priceDelayMs }
        },
      ),
    endCall: async (_callId, { signal }) => {
      // A simulated call is over before its caller learns its id, so there is nothing to hang up.
      const call = openCall(name, signal)
      await call.race(Promise.resolve()).finally(call.end)
    },
    records: async function* (range, { signal }) {
      const call = openCall(name, signal)
      try {
        for (const record of records.within(range, now())) yield await call.race(Promise.resolve(record))
      } finally {
        call.end()
      }
    },
  }
}

function checkSimulated(options: SimulatedOptions): void {
  const [seed, services, failures] = [options.seed ?? 1, options.services ?? [], options.failures ?? {}]
  if (!Number.isFinite(seed)) throw new InvalidOptionError(`seed must be a number, received ${describeOption(seed)}`)
  for (const name of ['pauseMs', 'callSeconds', 'priceDelayMs', 'recordsMax'] as const) checkNumber(name, options[name])
  // Of a text, each part of it would count as a service.
  if (!Array.isArray(services)) throw new InvalidOptionError(`services must be a list, received ${describeOption(services)}`)
  if (typeof failures === 'function') return
  checkOptionType('failures', failures, 'object')
  // Those that are left out count too: one list of failures may be for several adapters.
  const offered = new Set((options.offers ?? simulatedOffers).map(({ provider }) => provider))
  for (const [provider, failure] of Object.entries(failures)) {
    // One may be left out by a condition.
    if (failure !== undefined && failure !== null) checkFailure(`failures of ${provider}`, failure)
    if (offered.has(provider)) continue
    const [nearest] = nearestNames(provider, offered)
    const hint = nearest === undefined ? '' : `. Did you mean ${nearest}?`
    throw new InvalidOptionError(
      `failures names ${JSON.stringify(provider)}, which no offer has: offered are ${[...offered].join(', ')}${hint}`,
    )
  }
}

const CHATS: readonly Service[] = ['gpt', 'vision']
const SLICES = 4

/** The parts of a live method, after its `open` event. */
async function* opened<Part>(requestId: string, parts: () => AsyncIterable<Part>) {
  yield { type: 'open' as const, requestId }
  yield* parts()
}

function checkText(name: string, offers: readonly Offer[], model: string, text: string): void {
  const charactersMax = offers.find((offer) => offer.model === model)?.capabilities.charactersMax ?? Number.POSITIVE_INFINITY
  if (text === '') throw invalid(name, 'there is no text to speak')
  if (countCharacters(text, 'code_points') > charactersMax)
    throw invalid(name, `the text has more than ${charactersMax} characters`)
}

function invalid(provider: string, reason: string): ProviderError {
  return new ProviderError(`${provider} refused the request: ${reason}`, { provider, kind: 'invalid_request', status: 400 })
}

function slices(audio: Uint8Array): Uint8Array[] {
  // Each slice holds whole samples, so that it can be played.
  const length = Math.max(2, Math.ceil(audio.length / SLICES / 2) * 2)
  return Array.from({ length: Math.ceil(audio.length / length) }, (_, index) =>
    audio.subarray(index * length, (index + 1) * length),
  )
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
