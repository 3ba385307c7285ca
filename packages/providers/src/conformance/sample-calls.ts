import type {
  AudioFormat,
  CallContext,
  Offer,
  PhoneRequest,
  ProviderAdapter,
  RealtimeInput,
  Service,
  SoundFormat,
  Usage,
} from '@farebox/core'
import { writeWav } from '../adapter/wav.ts'
import { isStreamMethod, type Method, type StreamMethod } from './provider-under-test.ts'

/** The text of the sample requests. No error may repeat it. */
export const PROMPT = 'the heron sleeps on one leg'

const SERVICE_BY_METHOD: Readonly<Record<Method, Service>> = {
  chat: 'gpt',
  streamChat: 'gpt',
  transcribe: 'voice_stt',
  streamTranscription: 'voice_stt',
  speak: 'voice_tts',
  streamSpeech: 'voice_tts',
  converse: 'realtime',
  embed: 'embedding',
  call: 'phone',
}

/** The format of live audio samples, as telephones send it. */
const SOUND: SoundFormat = { encoding: 'mulaw', sampleRate: 8_000 }
const SOUND_PIECES = 10
const PIECE_BYTES = 800

/** How much audio a sample call of a live method sends, in seconds. */
export const SOUND_SECONDS = (SOUND_PIECES * PIECE_BYTES) / SOUND.sampleRate

/** The time limit of the sample phone call, in seconds. */
export const CALL_SECONDS_MAX = 60

/** A context for sample calls. By default its signal never aborts. */
export function context(signal: AbortSignal = new AbortController().signal): CallContext {
  return { signal, attemptId: 'attempt-of-the-suite' }
}

/** An event of any stream. */
export interface SampleEvent {
  type: string
  usage?: Usage
}

/** Makes sample calls. */
export interface Samples {
  /** Makes a sample call of `method` and waits for all of it. For a stream, resolves with the list of its events. */
  sampleCall(adapter: ProviderAdapter, method: Method, given?: CallContext): Promise<unknown>
  /**
   * Opens a sample stream of `method`. `onRead` runs for each piece of input that a live method reads. A conversation is told
   * `input`. @defaultValue one question
   */
  sampleStream(
    adapter: ProviderAdapter,
    method: StreamMethod,
    given?: CallContext,
    onRead?: () => void,
    input?: AsyncIterable<RealtimeInput>,
  ): AsyncIterable<SampleEvent>
}

/** Makes sample calls that request speech in `format`. */
export function samplesOf(format: AudioFormat): Samples {
  return { sampleCall, sampleStream }

  async function sampleCall(adapter: ProviderAdapter, method: Method, given = context()): Promise<unknown> {
    if (isStreamMethod(method)) {
      const events: unknown[] = []
      for await (const event of sampleStream(adapter, method, given)) events.push(event)
      return events
    }
    const { model } = offerOf(adapter, method)
    switch (method) {
      case 'chat':
        return required(adapter.chat)({ model, messages: messages() }, given)
      case 'transcribe':
        return required(adapter.transcribe)({ model, audio: { data: sampleSound(), mediaType: 'audio/wav' } }, given)
      case 'speak':
        return required(adapter.speak)({ model, text: PROMPT, format }, given)
      case 'embed':
        return required(adapter.embed)({ model, inputs: [PROMPT, 'and hunts at dusk'] }, given)
      case 'call':
        return required(adapter.call)(phoneRequest(), given)
    }
  }

  function sampleStream(
    adapter: ProviderAdapter,
    method: StreamMethod,
    given = context(),
    onRead = () => {},
    input = turns(onRead),
  ): AsyncIterable<SampleEvent> {
    const { model } = offerOf(adapter, method)
    switch (method) {
      case 'streamChat':
        return required(adapter.streamChat)({ model, messages: messages() }, given)
      case 'streamSpeech':
        return required(adapter.streamSpeech)({ model, text: PROMPT, format }, given)
      case 'streamTranscription':
        return required(adapter.streamTranscription)({ model, audio: soundPieces(onRead), format: SOUND }, given)
      case 'converse':
        return required(adapter.converse)({ model, input, inputFormat: SOUND, outputFormat: SOUND }, given)
    }
  }
}

/** Telephone audio: pieces of µ-law silence. */
async function* soundPieces(onRead: () => void): AsyncGenerator<Uint8Array, void, undefined> {
  for (let piece = 0; piece < SOUND_PIECES; piece += 1) {
    onRead()
    yield new Uint8Array(PIECE_BYTES).fill(0xff)
  }
}

/** What a conversation is told whose user changes their mind before the answer has begun. */
export async function* changedMind(): AsyncGenerator<RealtimeInput, void, undefined> {
  yield { type: 'text', text: PROMPT }
  yield { type: 'respond' }
  yield { type: 'cancel' }
}

async function* turns(onRead: () => void): AsyncGenerator<RealtimeInput, void, undefined> {
  onRead()
  yield { type: 'text', text: PROMPT }
  yield { type: 'respond' }
}

function messages() {
  return [{ role: 'user', content: PROMPT }] as const
}

function phoneRequest(): PhoneRequest {
  return {
    to: '+15551234567',
    from: '+15557654321',
    instructions: { type: 'say', text: PROMPT },
    durationSecondsMax: CALL_SECONDS_MAX,
  }
}

function offerOf(adapter: ProviderAdapter, method: Method): Offer {
  const offer = adapter.offers.find(({ service }) => service === SERVICE_BY_METHOD[method])
  if (!offer) throw new Error(`${adapter.name} has the method ${method}, but no offer of ${SERVICE_BY_METHOD[method]}`)
  return offer
}

/** Two seconds of silence. */
function sampleSound(): Uint8Array {
  return writeWav(new Float32Array(16_000), 8_000)
}

function required<T>(method: T | undefined): T {
  if (method === undefined) throw new Error('the adapter lacks a method that its test declares')
  return method
}
