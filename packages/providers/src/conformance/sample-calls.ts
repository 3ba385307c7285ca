import type { CallContext, ChatEvent, Offer, PhoneRequest, ProviderAdapter, Service, SpeechEvent } from '@farebox/core'
import { writeWav } from '../adapter/wav.ts'
import type { Method } from './provider-under-test.ts'

/** Words of the sample requests, which no error may repeat. */
export const PROMPT = 'the heron sleeps on one leg'

const SERVICE_BY_METHOD: Readonly<Record<Method, Service>> = {
  chat: 'gpt',
  streamChat: 'gpt',
  transcribe: 'voice_stt',
  speak: 'voice_tts',
  streamSpeech: 'voice_tts',
  call: 'phone',
}

/** The methods that stream. */
export const streamMethods: readonly Method[] = ['streamChat', 'streamSpeech']

/** A context that is never aborted, unless a signal is given. */
export function context(signal: AbortSignal = new AbortController().signal): CallContext {
  return { signal, attemptId: 'attempt-of-the-suite' }
}

/** Makes a sample call of `method` and waits for all of it. Streams come as the list of their events. */
export async function sampleCall(adapter: ProviderAdapter, method: Method, given: CallContext = context()): Promise<unknown> {
  if (method === 'streamChat' || method === 'streamSpeech') {
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
      return required(adapter.speak)({ model, text: PROMPT, format: 'mp3' }, given)
    case 'call':
      return required(adapter.call)(phoneRequest(), given)
  }
}

/** Opens a sample stream of `method`. */
export function sampleStream(
  adapter: ProviderAdapter,
  method: 'streamChat' | 'streamSpeech',
  given: CallContext = context(),
): AsyncIterable<ChatEvent | SpeechEvent> {
  const { model } = offerOf(adapter, method)
  return method === 'streamChat'
    ? required(adapter.streamChat)({ model, messages: messages() }, given)
    : required(adapter.streamSpeech)({ model, text: PROMPT, format: 'mp3' }, given)
}

function messages() {
  return [{ role: 'user', content: PROMPT }] as const
}

function phoneRequest(): PhoneRequest {
  return { to: '+15551234567', from: '+15557654321', instructions: { type: 'say', text: PROMPT }, durationSecondsMax: 60 }
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
