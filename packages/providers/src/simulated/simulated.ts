import {
  type CallContext,
  countCharacters,
  type Offer,
  type ProviderAdapter,
  ProviderError,
  type Service,
  type Usage,
} from '@farebox/core'
import { type Call, openCall } from '../adapter/call.ts'
import { speechUsage } from '../adapter/speech-usage.ts'
import { fingerprint } from './fingerprint.ts'
import { countInputTokens, countTokens, simulatedChat, tokenUsage } from './simulated-chat.ts'
import { type Fate, fateOf, type SimulatedFailures } from './simulated-failure.ts'
import { type OfferPair, simulatedOffers, withoutPairs } from './simulated-offers.ts'
import { durationUsage, simulatedCallSeconds, simulatedDuration, simulatedSound, simulatedTranscript } from './simulated-voice.ts'

export interface SimulatedOptions {
  /** Answers differ from seed to seed, and from nothing else than the request. @defaultValue 1 */
  seed?: number
  /** What is sold. @defaultValue {@link simulatedOffers} */
  offers?: readonly Offer[]
  /** Only the offers of these services. @defaultValue all */
  services?: readonly Service[]
  /** Not what these offers sell: give it the offers of your real adapters, and only the gaps between them are simulated. */
  except?: readonly OfferPair[]
  /** How long each call takes before its first byte. @defaultValue 0 */
  latencyMs?: number
  /** How calls fail. @defaultValue none does */
  failures?: SimulatedFailures
  /** How long a phone call lasts, in seconds. @defaultValue as long as it takes to say what is said */
  callSeconds?: number
  /** Waits; for tests that own the clock. @defaultValue a timer */
  sleep?: (milliseconds: number) => Promise<void>
  /** @defaultValue `simulated` */
  name?: string
}

/**
 * A provider of everything that answers without a network, a key or a bill: what to develop and test against.
 *
 * Answers follow from the request and the seed alone, usage is exact, sound can be played, signals are obeyed, and failures come
 * when they are asked for.
 */
export function simulated(options: SimulatedOptions = {}): ProviderAdapter {
  const { name = 'simulated', seed = 1, latencyMs = 0, failures = {}, sleep = wait } = options
  const offers = withoutPairs(options.offers ?? simulatedOffers, options.except ?? []).filter(
    ({ service }) => options.services?.includes(service) ?? true,
  )
  const callsByPair = new Map<Offer, number>()

  /** Begins a call: finds its offer and its fate, and lets the time to the first byte pass. */
  async function begin(services: readonly Service[], model: string | undefined, context: CallContext, call: Call): Promise<Fate> {
    const offer = offers.find(
      (candidate) => services.includes(candidate.service) && (model === undefined || candidate.model === model),
    )
    if (!offer)
      throw new ProviderError(`${name} sells no ${services.join(' or ')} ${model ?? ''}`, {
        provider: name,
        kind: 'model_not_found',
      })
    const callsBefore = callsByPair.get(offer) ?? 0
    callsByPair.set(offer, callsBefore + 1)
    const fate = fateOf(failures, { offer, attemptId: context.attemptId, callsBefore }, name)
    await call.race(latencyMs > 0 ? sleep(latencyMs) : Promise.resolve())
    return fate
  }

  /** Runs `work` as one call without parts. */
  async function plain<T extends { usage?: Usage }>(
    services: readonly Service[],
    model: string | undefined,
    context: CallContext,
    work: () => T,
  ): Promise<T> {
    const call = openCall(name, context.signal)
    try {
      const fate = await begin(services, model, context, call)
      // A plain answer comes whole or not at all, so any number of parts is one too many.
      await strike(call, fate, Number.POSITIVE_INFINITY)
      const { usage, ...rest } = work()
      return (fate.reportsUsage ? { ...rest, usage } : rest) as T
    } finally {
      call.end()
    }
  }

  /** Hands out the parts of one call, and its last event when all went well. */
  async function* parts<Part, Finish extends { usage?: Usage }>(
    services: readonly Service[],
    model: string,
    context: CallContext,
    work: () => { parts: readonly Part[]; finish: Finish; usageOf: (parts: readonly Part[]) => Usage },
  ) {
    const call = openCall(name, context.signal)
    try {
      const fate = await begin(services, model, context, call)
      await strike(call, fate, 0)
      const answer = work()
      for (const [index, part] of answer.parts.entries()) {
        yield part
        await strike(call, fate, index + 1, () => answer.usageOf(answer.parts.slice(0, index + 1)))
      }
      // A failure that was to come after more parts than there are still comes before the end.
      await strike(call, fate, Number.POSITIVE_INFINITY, () => answer.usageOf(answer.parts))
      const { usage, ...rest } = answer.finish
      yield (fate.reportsUsage ? { ...rest, usage } : rest) as Finish
    } finally {
      call.end()
    }
  }

  return {
    name,
    isSimulated: true,
    availability: { status: 'ready' },
    offers,
    chat: (request, context) => plain(CHATS, request.model, context, () => simulatedChat(request, seed)),
    streamChat: (request, context) =>
      parts(CHATS, request.model, context, () => {
        const { text, toolCalls = [], finishReason, model, usage } = simulatedChat(request, seed)
        return {
          parts: [
            ...(text.match(/\S+\s*/g) ?? []).map((word) => ({ type: 'text' as const, text: word })),
            ...toolCalls.map((toolCall, index) => ({ type: 'tool_call' as const, index, ...toolCall })),
          ],
          finish: { type: 'finish' as const, finishReason, model, usage },
          usageOf: (given) => ({
            ...tokenUsage(
              countInputTokens(request),
              countTokens(given.map((part) => ('text' in part ? part.text : part.arguments)).join('')),
            ),
            certainty: 'floor',
          }),
        }
      }),
    transcribe: (request, context) =>
      plain(['voice_stt'], request.model, context, () => {
        const durationSeconds = simulatedDuration(request.audio)
        if (durationSeconds === undefined) throw invalid(name, 'the audio cannot be read')
        return {
          text: simulatedTranscript(request.audio.data, durationSeconds, seed),
          durationSeconds,
          language: request.language ?? 'en',
          model: request.model,
          usage: durationUsage(durationSeconds),
        }
      }),
    speak: (request, context) =>
      plain(['voice_tts'], request.model, context, () => {
        checkText(name, offers, request.model, request.text)
        return {
          ...simulatedSound(request.text, request.format, seed),
          model: request.model,
          usage: speechUsage(request.text, 'exact'),
        }
      }),
    streamSpeech: (request, context) =>
      parts(['voice_tts'], request.model, context, () => {
        checkText(name, offers, request.model, request.text)
        const { audio } = simulatedSound(request.text, request.format, seed)
        return {
          parts: slices(audio).map((slice) => ({ type: 'audio' as const, audio: slice })),
          finish: { type: 'finish' as const, model: request.model, usage: speechUsage(request.text, 'exact') },
          usageOf: () => speechUsage(request.text, 'ceiling'),
        }
      }),
    call: (request, context) =>
      plain(['phone'], undefined, context, () => {
        const said = request.instructions.type === 'say' ? request.instructions.text : 'x'.repeat(400)
        const wanted = options.callSeconds ?? simulatedCallSeconds(said)
        const durationSeconds = Math.min(wanted, request.durationSecondsMax)
        return {
          callId: `CA${fingerprint(seed, `${request.to} ${context.attemptId}`).toString(16).padStart(32, '0')}`,
          status: 'completed' as const,
          durationSeconds,
          usage: durationUsage(durationSeconds),
        }
      }),
  }
}

const CHATS: readonly Service[] = ['gpt', 'vision']
const SLICES = 4

/** Lets a failure happen that is due after this many parts, and the caller's abort. */
async function strike(call: Call, fate: Fate, partsBefore: number, usage?: () => Usage): Promise<void> {
  const outcome = fate.afterParts(partsBefore, usage)
  await call.race(outcome === 'stall' ? new Promise<never>(() => {}) : Promise.resolve())
  if (outcome !== 'continue' && outcome !== 'stall') throw outcome
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
  // Whole samples in each slice, so that any of them can be played.
  const length = Math.max(2, Math.ceil(audio.length / SLICES / 2) * 2)
  return Array.from({ length: Math.ceil(audio.length / length) }, (_, index) =>
    audio.subarray(index * length, (index + 1) * length),
  )
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
