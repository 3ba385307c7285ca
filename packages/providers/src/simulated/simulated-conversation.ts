import {
  quantity,
  type RealtimeEvent,
  type RealtimeInput,
  type RealtimeRequest,
  type SoundFormat,
  soundSeconds,
  type Usage,
} from '@farebox/core'
import type { Call } from '../adapter/call.ts'
import { openInbox } from '../adapter/inbox.ts'
import { sumQuantities } from '../adapter/sum-quantities.ts'
import { fingerprint } from './fingerprint.ts'
import { countTokens, simulatedChat, toolArguments } from './simulated-chat.ts'
import { simulatedSoundPiece, simulatedTranscript } from './simulated-voice.ts'

type Turn = Extract<RealtimeEvent, { type: 'turn' }> & { usage: Usage }
export type ConversationPart = Exclude<RealtimeEvent, { type: 'open' | 'finish' | 'turn' }> | Turn

/** What a conversation has used: the usage that its turns reported, and that of the answer in progress. */
export interface Talked {
  told: Usage[]
  untold: Usage | undefined
}

/** Tokens per second of audio, input and output, as OpenAI counts them. */
const HEARD_TOKENS_PER_SECOND = 10
const SAID_TOKENS_PER_SECOND = 20
/** How long a silence after speech must last to count as a pause. */
const PAUSE_SECONDS = 0.5

/**
 * Simulates a conversation. It answers when asked to respond, and after a pause in the speaker's audio. It calls a tool that the
 * input names, and stops an answer when the input cancels it.
 */
export async function* simulatedConversation(
  request: RealtimeRequest,
  seed: number,
  call: Call,
  talked: Talked,
): AsyncGenerator<ConversationPart, void, undefined> {
  const feed = openFeed(request, call)
  const ear = new Ear(request.inputFormat)
  let texts = request.instructions === undefined ? [] : [request.instructions]
  let said: string[] = []
  let cachedTokens = 0
  let turns = 0
  try {
    for (;;) {
      const { input, ordinal } = await call.race(feed.take())
      if (input === undefined) return
      let isAsked = input.type === 'respond'
      if (input.type === 'audio') isAsked = ear.hear(input.audio)
      if (input.type === 'text') said.push(input.text)
      if (input.type === 'tool_result') said.push(input.content)
      if (!isAsked) continue
      request.onAnswer?.()
      const sound = ear.take()
      if (sound.length > 0) {
        const heard = simulatedTranscript(sound, soundSeconds(sound.length, request.inputFormat), seed)
        said.push(heard)
        yield { type: 'heard', text: heard }
      }
      const heardTokens = Math.ceil(soundSeconds(sound.length, request.inputFormat) * HEARD_TOKENS_PER_SECOND)
      const input_tokens = [...texts, ...said].reduce((sum, text) => sum + countTokens(text), 0)
      let text = ''
      let bytes = 0
      const usage = () => {
        const audioTokens = Math.ceil(soundSeconds(bytes, request.outputFormat) * SAID_TOKENS_PER_SECOND)
        const counts = {
          input: input_tokens,
          cached_input: cachedTokens,
          audio_input: heardTokens,
          output: countTokens(text),
          audio_output: audioTokens,
        }
        return usageOf(counts)
      }
      let isComplete = true
      for (const part of answer(said.join(' '), request, seed)) {
        isComplete = feed.cancelledAt < ordinal
        if (!isComplete) break
        if (part.type === 'text') text += part.text
        if (part.type === 'audio') bytes += part.audio.length
        talked.untold = { ...usage(), certainty: 'floor' }
        yield part
      }
      talked.told.push(usage())
      talked.untold = undefined
      yield { type: 'turn', turnId: `turn_${turns++}`, isComplete, usage: usage() }
      cachedTokens += input_tokens + countTokens(text)
      texts = []
      said = []
    }
  } finally {
    feed.end()
  }
}

/** The total usage of a conversation. */
export function conversationUsage({ told, untold }: Talked): Usage | undefined {
  const usages = untold ? [...told, untold] : told
  if (usages.length === 0) return undefined
  return { quantities: sumQuantities(usages.flatMap(({ quantities }) => quantities)), certainty: untold ? 'floor' : 'exact' }
}

function* answer(
  said: string,
  request: RealtimeRequest,
  seed: number,
): Generator<Exclude<ConversationPart, Turn>, void, undefined> {
  const tool = request.tools?.find(({ name }) => said.includes(name))
  if (tool) {
    yield {
      type: 'tool_call',
      id: `call_${fingerprint(seed, said).toString(16)}`,
      name: tool.name,
      arguments: toolArguments(tool),
    }
    return
  }
  const { model, outputTokensMax } = request
  const chat = {
    model,
    messages: [{ role: 'user' as const, content: said }],
    ...(outputTokensMax === undefined ? {} : { outputTokensMax }),
  }
  for (const word of simulatedChat(chat, seed).text.match(/\S+\s*/g) ?? []) {
    yield { type: 'text', text: word }
    yield { type: 'audio', audio: simulatedSoundPiece(word, request.outputFormat, seed) }
  }
}

/** Reads the input ahead, so that a cancel reaches the answer in progress. */
function openFeed({ input }: RealtimeRequest, call: Call) {
  const iterator = input[Symbol.asyncIterator]()
  const inbox = openInbox<{ input: RealtimeInput | undefined; ordinal: number }>()
  const feed = { take: inbox.take, end: () => void iterator.return?.().catch(() => {}), cancelledAt: -1 }
  const read = async () => {
    for (let ordinal = 0; !call.signal.aborted; ordinal += 1) {
      const step = await iterator.next()
      inbox.put({ input: step.done ? undefined : step.value, ordinal })
      if (step.done) return
      if (step.value.type === 'cancel') feed.cancelledAt = ordinal
    }
  }
  read().catch(inbox.close)
  return feed
}

/** Collects audio, and detects speech followed by a pause. */
class Ear {
  readonly #format: SoundFormat
  #pieces: Uint8Array[] = []
  #hasWords = false
  #silentBytes = 0

  constructor(format: SoundFormat) {
    this.#format = format
  }

  /** @returns whether the speaker has paused after words */
  hear(piece: Uint8Array): boolean {
    this.#pieces.push(piece)
    const isSilent = piece.every((byte) => byte === 0 || byte === 0xff || byte === 0x7f)
    this.#silentBytes = isSilent ? this.#silentBytes + piece.length : 0
    this.#hasWords ||= !isSilent
    return this.#hasWords && soundSeconds(this.#silentBytes, this.#format) >= PAUSE_SECONDS
  }

  take(): Uint8Array {
    const sound = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#hasWords = false
    this.#silentBytes = 0
    return sound
  }
}

function usageOf(counts: Record<string, number>): Usage {
  return {
    quantities: Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([meter, count]) => ({ meter, quantity: quantity(count), unit: 'tokens' as const })),
    certainty: 'exact',
    raw: counts,
  }
}
