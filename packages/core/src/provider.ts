import type { NanoUsd } from './amounts.ts'
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
  /** What price books call the model where it hears live sound, if that has a price of its own. */
  liveModel?: string
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
  /** Whether its provider finishes an answer whose reader has left, and bills all of it: then it is heard to its end, to know how much that is. */
  billsAbandoned?: boolean
  /** Languages that it understands and speaks, as ISO 639-1 codes. Absent: those of its kind, which is not a limit. */
  languages?: readonly string[]
  /** Where its data is processed: `eu`, `us`. Absent: not stated, so it serves no request that names a region. */
  regions?: readonly string[]
  /** What else its operator promises, in words of the team's own: `zero_retention`, `hipaa`. */
  serviceLevels?: readonly string[]
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

/** An API whose own parameters can be passed on: OpenAI's chat completions, responses, speech and transcriptions, and Anthropic's messages. */
export type Dialect = 'openai-chat' | 'openai-responses' | 'openai-speech' | 'openai-transcription' | 'anthropic-messages'

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
  /** The API by which it reaches an offer, if `providerOptions` in the words of that API are passed on to it. Absent: none are. */
  dialectOf?(offer: Offer): Dialect | undefined
  chat?(request: ChatRequest, context: CallContext): Promise<ChatResult>
  streamChat?(request: ChatRequest, context: CallContext): AsyncIterable<ChatEvent>
  transcribe?(request: TranscribeRequest, context: CallContext): Promise<TranscribeResult>
  speak?(request: SpeakRequest, context: CallContext): Promise<SpeakResult>
  streamSpeech?(request: SpeakRequest, context: CallContext): AsyncIterable<SpeechEvent>
  embed?(request: EmbedRequest, context: CallContext): Promise<EmbedResult>
  /** Transcribes sound while it is heard. Its first event is `open`; the sound is not read before that. */
  streamTranscription?(request: LiveTranscribeRequest, context: CallContext): AsyncIterable<TranscriptEvent>
  /** Holds a conversation in speech. Its first event is `open`; the input is not read before that. */
  converse?(request: RealtimeRequest, context: CallContext): AsyncIterable<RealtimeEvent>
  /** Places a call and waits for its end. Aborting does not hang up a call that may ring: it ends by itself at its limit. */
  call?(request: PhoneRequest, context: CallContext): Promise<PhoneResult>
  /** Seconds that a call may take beside those that it lasts: to wait in a queue, to ring, and until its end is told. @defaultValue 120 */
  readonly callExtraSeconds?: number
  /** Hangs up a call. Resolves also when it had ended before. */
  endCall?(callId: string, context: CallContext): Promise<void>
  /** What the provider's own records say of its work in a range of time, oldest first: what ours are compared with. */
  records?(range: RecordsRange, context: CallContext): AsyncIterable<ProviderRecord>
}

/** A range of time in epoch milliseconds, UTC, its end excluded; of phone calls, optionally those to one number. */
export interface RecordsRange {
  from: number
  until: number
  to?: string
}

/** What a provider's own records say of one request. */
export interface ProviderRecord {
  /** The provider's id of the request, as results carry it: `requestId`, or the `callId` of a phone call. */
  requestId: string
  service: Service
  /** When it began, epoch milliseconds, UTC. */
  at: number
  /** `pending`: it has not ended, or its price is not known yet. */
  status: 'pending' | 'final'
  /** The number called, of a phone call. */
  to?: string
  usage?: Usage
  /** What the provider billed for it; `undefined` when it does not say, or not yet. */
  cost?: NanoUsd
}

/** One message of a conversation. */
export type ChatMessage =
  | { role: 'system' | 'developer'; content: string; name?: string }
  | { role: 'user'; content: string | readonly ContentPart[]; name?: string }
  | { role: 'assistant'; content: string | null; toolCalls?: readonly ToolCall[]; name?: string }
  | { role: 'tool'; content: string; toolCallId: string }

/** A part of a user's message. Image URLs are `https:` or `data:` URLs. */
export type ContentPart = { type: 'text'; text: string } | { type: 'image'; url: string; detail?: 'auto' | 'low' | 'high' }

/** A function that the model may ask the caller to run; `parameters` is a JSON Schema. */
export interface Tool {
  name: string
  description?: string
  parameters: Record<string, unknown>
  /** Whether arguments must follow `parameters` to the letter, at providers that can see to it. @defaultValue as the provider does */
  strict?: boolean
}

/** The model's wish to run a tool; `arguments` is JSON text as the model wrote it, valid or not. */
export interface ToolCall {
  id: string
  name: string
  arguments: string
}

/** A question to a chat model, as an adapter is given it. */
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

/** The whole answer of a chat model. */
export interface ChatResult {
  text: string
  /** Whether `text` is what the model declines with, where its provider tells that from an answer. */
  isRefusal?: boolean
  toolCalls?: readonly ToolCall[]
  finishReason: FinishReason
  /** How likely each token was, in the provider's words, where that was asked for by `providerOptions`. */
  logprobs?: unknown
  /** The model that answered, as the provider named it. */
  model: string
  /** `undefined`: the provider did not report it. */
  usage?: Usage
  /** The provider's id of this request. */
  requestId?: string
}

/** An event of a streamed answer. A stream that ends without `finish` is incomplete, and the adapter throws. */
export type ChatEvent =
  | { type: 'text'; text: string; isRefusal?: boolean; logprobs?: unknown }
  | { type: 'tool_call'; index: number; id?: string; name?: string; arguments: string }
  | { type: 'finish'; finishReason: FinishReason; model: string; usage?: Usage; requestId?: string }

/** A recording to be transcribed. */
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

/** What was said in a recording. */
export interface TranscribeResult {
  text: string
  /** Length of the audio as the provider measured it. */
  durationSeconds?: number
  language?: string
  model: string
  usage?: Usage
  requestId?: string
}

/** What speech can be asked for in. `mulaw` is what telephones play: raw 8-bit µ-law, 8,000 samples per second. */
export const audioFormats = ['mp3', 'wav', 'opus', 'pcm', 'mulaw'] as const
/** A container, or a coding, that speech can be asked for in. */
export type AudioFormat = (typeof audioFormats)[number]

/** Text to be spoken. */
export interface SpeakRequest {
  model: string
  text: string
  voice?: string
  format: AudioFormat
  providerOptions?: Record<string, unknown>
}

/** A whole speech. */
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

/** Texts to be turned into vectors. */
export interface EmbedRequest {
  model: string
  inputs: readonly string[]
  /** Length of the vectors. @defaultValue the model's own */
  dimensions?: number
  providerOptions?: Record<string, unknown>
}

/** Texts as vectors. */
export interface EmbedResult {
  /** One vector for each input, in their order. */
  embeddings: readonly (readonly number[])[]
  model: string
  usage?: Usage
  requestId?: string
}

/** How sound is coded that comes and goes piece by piece: 16-bit little-endian samples, or 8-bit µ-law as telephones use it. One channel. */
export interface SoundFormat {
  encoding: 'pcm_s16le' | 'mulaw'
  /** Samples per second. */
  sampleRate: number
}

/** Seconds of sound that so many bytes hold. */
export function soundSeconds(bytes: number, { encoding, sampleRate }: SoundFormat): number {
  return bytes / (sampleRate * (encoding === 'mulaw' ? 1 : 2))
}

/** Sound to be transcribed while it is heard. */
export interface LiveTranscribeRequest {
  model: string
  /** The sound as it is heard, in pieces of any length. Its end ends the transcription: what was heard is still transcribed. */
  audio: AsyncIterable<Uint8Array>
  format: SoundFormat
  /** ISO 639-1 code of the spoken language. @defaultValue found out, or the model's own */
  language?: string
  providerOptions?: Record<string, unknown>
}

/**
 * An event of a live transcription. `open` comes first, when the provider is ready to hear. A transcript that is not final may be
 * replaced by the next. `requestId` comes as soon as the provider says it, so that a stream which is left keeps it. A stream that ends without `finish` is incomplete, and the adapter throws.
 */
export type TranscriptEvent =
  | { type: 'open'; requestId?: string }
  | { type: 'transcript'; text: string; isFinal: boolean; startSeconds?: number; endSeconds?: number; requestId?: string }
  | { type: 'finish'; model: string; durationSeconds?: number; usage?: Usage; requestId?: string }

/** A conversation in speech. */
export interface RealtimeRequest {
  model: string
  /** What the conversation is fed with. Its end ends the conversation, after the answer that is being given. */
  input: AsyncIterable<RealtimeInput>
  /** What the model is to be and do. */
  instructions?: string
  voice?: string
  inputFormat: SoundFormat
  outputFormat: SoundFormat
  tools?: readonly Tool[]
  /** Tokens that one answer may have at most. */
  outputTokensMax?: number
  providerOptions?: Record<string, unknown>
}

/** What a conversation is fed with. `respond` asks for an answer now, where the model would wait for a pause. `cancel` silences it. */
export type RealtimeInput =
  | { type: 'audio'; audio: Uint8Array }
  | { type: 'text'; text: string }
  | { type: 'tool_result'; toolCallId: string; content: string }
  | { type: 'respond' }
  | { type: 'cancel' }

/**
 * An event of a conversation. `open` comes first. `heard` is what the user said; `text` is what the answer says, in writing. `turn`
 * ends an answer and tells what it used: each is charged when it comes. A conversation that ends without `finish` is incomplete, and
 * the adapter throws; `usage` of `finish` is what no turn has told.
 */
export type RealtimeEvent =
  | { type: 'open'; requestId?: string }
  | { type: 'heard'; text: string }
  | { type: 'audio'; audio: Uint8Array }
  | { type: 'text'; text: string }
  | { type: 'tool_call'; id: string; name: string; arguments: string }
  | { type: 'turn'; turnId: string; isComplete: boolean; usage?: Usage }
  | { type: 'finish'; model: string; usage?: Usage; requestId?: string }

/** A telephone call to be placed. */
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

/** How a telephone call ended. */
export interface PhoneResult {
  callId: string
  status: 'completed' | 'busy' | 'no_answer' | 'failed' | 'canceled'
  /** Seconds that the call was connected. */
  durationSeconds: number
  usage?: Usage
  /** What the provider billed for it. `undefined`: not told yet; {@link ProviderAdapter.records} tells it later. */
  cost?: NanoUsd
}
