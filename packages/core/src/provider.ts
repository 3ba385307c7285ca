import type { Service } from './services.ts'
import type { Usage } from './usage.ts'

/**
 * What a provider sells for one service: the row of the catalog that routing chooses among. `provider` is the wire name
 * that configurations, price books and receipts use (`gpt-4o-mini`, `openai-whisper`); `model` is what the provider's API
 * is asked for, and is data: `openai-whisper` means OpenAI's transcription on whatever model is current.
 */
export interface Offer {
  service: Service
  provider: string
  model: string
  capabilities: OfferCapabilities
  /** How good its results are for its service, from 0 (worst) to 1 (best). Data, to be overridden with a team's own findings. */
  quality: number
  /** Expected time to the first byte of an answer, until measured. */
  latencyMs: number
}

/** What an offer can do. An absent capability is one it lacks. */
export interface OfferCapabilities {
  streaming?: boolean
  tools?: boolean
  images?: boolean
  /** Tokens that input and output may have together. */
  contextTokens?: number
  /** Tokens that an answer may have at most. */
  outputTokensMax?: number
  /** Tokens that one image is counted as at most. */
  imageTokensMax?: number
  /** Characters that one speech request may have at most. */
  charactersMax?: number
}

/** Why an adapter takes no calls. */
export type Availability = { status: 'ready' } | { status: 'disabled'; reason: string }

/** What every call to an adapter is given beside its request. */
export interface CallContext {
  /** Aborts the call: the caller left, or a deadline passed. The adapter stops the provider's work within 100 ms. */
  signal: AbortSignal
  /** Names this attempt in the provider's logs, where the provider allows that. */
  attemptId: string
}

/**
 * Our code for one provider. An adapter turns a request into one call of the provider's SDK, without retries, and the
 * answer into a result with the usage that the provider reported. It throws {@link ProviderError} and nothing else.
 */
export interface ProviderAdapter {
  /** The adapter's name: `openai`. Unique within one Farebox. */
  readonly name: string
  /** Whether answers are made up. Shown wherever providers are listed. */
  readonly isSimulated: boolean
  readonly availability: Availability
  /** What it sells. Empty when it is disabled is wrong: list the offers, so that a rejection can say why. */
  readonly offers: readonly Offer[]
  chat?(request: ChatRequest, context: CallContext): Promise<ChatResult>
  streamChat?(request: ChatRequest, context: CallContext): AsyncIterable<ChatEvent>
  transcribe?(request: TranscribeRequest, context: CallContext): Promise<TranscribeResult>
  speak?(request: SpeakRequest, context: CallContext): Promise<SpeakResult>
  streamSpeech?(request: SpeakRequest, context: CallContext): AsyncIterable<SpeechEvent>
  call?(request: PhoneRequest, context: CallContext): Promise<PhoneResult>
}

/** One message of a conversation. */
export type ChatMessage =
  | { role: 'system' | 'developer'; content: string }
  | { role: 'user'; content: string | readonly ContentPart[] }
  | { role: 'assistant'; content: string | null; toolCalls?: readonly ToolCall[] }
  | { role: 'tool'; content: string; toolCallId: string }

/** A part of a user's message. Image URLs are `https:` or `data:` URLs. */
export type ContentPart = { type: 'text'; text: string } | { type: 'image'; url: string; detail?: 'auto' | 'low' | 'high' }

/** A function that the model may ask the caller to run; `parameters` is a JSON Schema. */
export interface Tool {
  name: string
  description?: string
  parameters: Record<string, unknown>
}

/** The model's wish to run a tool; `arguments` is JSON text as the model wrote it, valid or not. */
export interface ToolCall {
  id: string
  name: string
  arguments: string
}

export interface ChatRequest {
  model: string
  messages: readonly ChatMessage[]
  /** Tokens that the answer may have at most, reasoning included. */
  outputTokensMax?: number
  temperature?: number
  stop?: readonly string[]
  tools?: readonly Tool[]
  toolChoice?: 'auto' | 'none' | 'required' | { name: string }
  /** Parameters of the provider's own API, passed through untouched. */
  providerOptions?: Record<string, unknown>
}

/** Why an answer ended. `length`: the limit of tokens was reached. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'other'

export interface ChatResult {
  text: string
  toolCalls?: readonly ToolCall[]
  finishReason: FinishReason
  /** The model that answered, as the provider named it. */
  model: string
  /** `undefined`: the provider did not report it. */
  usage?: Usage
  /** The provider's id of this request. */
  requestId?: string
}

/** An event of a streamed answer. A stream that ends without `finish` is incomplete, and the adapter throws. */
export type ChatEvent =
  | { type: 'text'; text: string }
  | { type: 'tool_call'; index: number; id?: string; name?: string; arguments: string }
  | { type: 'finish'; finishReason: FinishReason; model: string; usage?: Usage; requestId?: string }

export interface TranscribeRequest {
  model: string
  audio: Audio
  /** ISO 639-1 code of the spoken language; absent: the provider finds out. */
  language?: string
  providerOptions?: Record<string, unknown>
}

/** Recorded sound. `mediaType` is what its first bytes say, for example `audio/wav`. */
export interface Audio {
  data: Uint8Array
  mediaType: string
}

export interface TranscribeResult {
  text: string
  /** Length of the audio as the provider measured it. */
  durationSeconds?: number
  language?: string
  model: string
  usage?: Usage
  requestId?: string
}

/** Containers that speech can be asked for in. */
export const audioFormats = ['mp3', 'wav', 'opus', 'pcm'] as const
export type AudioFormat = (typeof audioFormats)[number]

export interface SpeakRequest {
  model: string
  text: string
  voice?: string
  format: AudioFormat
  providerOptions?: Record<string, unknown>
}

export interface SpeakResult {
  audio: Uint8Array
  format: AudioFormat
  model: string
  usage?: Usage
  requestId?: string
}

/** An event of streamed speech. A stream that ends without `finish` is incomplete, and the adapter throws. */
export type SpeechEvent =
  | { type: 'audio'; audio: Uint8Array }
  | { type: 'finish'; model: string; usage?: Usage; requestId?: string }

export interface PhoneRequest {
  /** E.164 number to call: `+15551234567`. */
  to: string
  /** E.164 number that the callee sees. */
  from?: string
  /** What is said or done when the call is answered. */
  instructions: { type: 'say'; text: string } | { type: 'url'; url: string } | { type: 'twiml'; twiml: string }
  /** The provider ends the call at this length: the hard limit of its cost. */
  durationSecondsMax: number
}

export interface PhoneResult {
  callId: string
  status: 'completed' | 'busy' | 'no_answer' | 'failed' | 'canceled'
  /** Seconds that the call was connected. */
  durationSeconds: number
  usage?: Usage
}
