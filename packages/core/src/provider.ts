import type { NanoUsd } from './amounts.ts'
import type { Service } from './services.ts'
import type { Usage } from './usage.ts'

/**
 * What a provider sells for one service: one row of the catalog that routing chooses from. `provider` is the wire name that
 * configurations, price books and receipts use (`gpt-4o-mini`, `openai-whisper`). `model` is the model that the adapter requests
 * from the provider's API. It may change: `openai-whisper` stands for OpenAI's transcription, on whatever model is current.
 */
export interface Offer {
  service: Service
  provider: string
  model: string
  /** The model's name in price books when it processes live sound, if live sound has its own price. */
  liveModel?: string
  capabilities: OfferCapabilities
  /** How good its results are for its service, from 0 (worst) to 1 (best). A team may override it with its own findings. */
  quality: number
  /** Expected time to the first byte of an answer, used until Farebox has measured it. */
  latencyMs: number
}

/** What an offer can do. It lacks every capability that is absent. */
export interface OfferCapabilities {
  streaming?: boolean
  tools?: boolean
  images?: boolean
  /** The most tokens that input and output may have together. */
  contextTokens?: number
  /** The most tokens that an answer may have. A caller who wants more gets this many, and holds no more. */
  outputTokensMax?: number
  /** The most tokens that one image counts as. */
  imageTokensMax?: number
  /** The most characters that one speech request may have. */
  charactersMax?: number
  /** Whether the provider finishes and bills an answer whose caller has left. Farebox then reads on, to learn how much that is. */
  billsAbandoned?: boolean
  /** Languages that it understands and speaks, as ISO 639-1 codes. Absent: not stated, so it may serve any language. */
  languages?: readonly string[]
  /** Where it processes data: `eu`, `us`. Absent: not stated, so it serves no request that names a region. */
  regions?: readonly string[]
  /** What else its operator guarantees, in the team's own terms: `zero_retention`, `hipaa`. */
  serviceLevels?: readonly string[]
}

/** Whether an adapter takes calls, and if not, why. */
export type Availability = { status: 'ready' } | { status: 'disabled'; reason: string }

/** What every call to an adapter receives beside its request. */
export interface CallContext {
  /** Aborts the call, because the caller left or a deadline passed. The adapter must stop the provider's work within 100 ms. */
  signal: AbortSignal
  /** Identifies this attempt in the provider's logs, where the provider allows that. */
  attemptId: string
}

/**
 * A provider API whose native parameters can be passed through: OpenAI's chat completions, responses, embeddings, speech and
 * transcriptions, and Anthropic's messages.
 */
export type Dialect =
  | 'openai-chat'
  | 'openai-responses'
  | 'openai-embeddings'
  | 'openai-speech'
  | 'openai-transcription'
  | 'anthropic-messages'

/**
 * Connects Farebox to one provider. An adapter turns a request into one call of the provider's SDK, without retries, and the
 * answer into a result with the usage that the provider reported. It throws {@link ProviderError} and nothing else.
 */
export interface ProviderAdapter {
  /** The adapter's name: `openai`. Unique within one Farebox. */
  readonly name: string
  /** Whether its answers are made up. Every list of providers shows this. */
  readonly isSimulated: boolean
  readonly availability: Availability
  /** What it sells. A disabled adapter lists its offers too, so that a rejection can say why. */
  readonly offers: readonly Offer[]
  /** The API behind an offer, if the adapter passes that API's own `providerOptions` through. Absent: it passes none through. */
  dialectOf?(offer: Offer): Dialect | undefined
  /**
   * The names of those options, in the offer's dialect, that its model is known to refuse. A caller who named no model is served
   * without them. Absent: none is known.
   */
  refusedOptions?(offer: Offer, options: Readonly<Record<string, unknown>>): readonly string[]
  chat?(request: ChatRequest, context: CallContext): Promise<ChatResult>
  streamChat?(request: ChatRequest, context: CallContext): AsyncIterable<ChatEvent>
  transcribe?(request: TranscribeRequest, context: CallContext): Promise<TranscribeResult>
  speak?(request: SpeakRequest, context: CallContext): Promise<SpeakResult>
  streamSpeech?(request: SpeakRequest, context: CallContext): AsyncIterable<SpeechEvent>
  embed?(request: EmbedRequest, context: CallContext): Promise<EmbedResult>
  /** Transcribes live sound. Its first event is `open`, and it reads no sound before that. */
  streamTranscription?(request: LiveTranscribeRequest, context: CallContext): AsyncIterable<TranscriptEvent>
  /** Holds a spoken conversation. Its first event is `open`, and it reads no input before that. */
  converse?(request: RealtimeRequest, context: CallContext): AsyncIterable<RealtimeEvent>
  /** Places a call and waits for its end. Aborting does not hang up a call that may be ringing: that ends at its time limit. */
  call?(request: PhoneRequest, context: CallContext): Promise<PhoneResult>
  /** Seconds that a call may take beyond its own length: to wait in a queue, to ring, and to report its end. @defaultValue 120 */
  readonly callExtraSeconds?: number
  /** Hangs up a call. Resolves even if the call has already ended. */
  endCall?(callId: string, context: CallContext): Promise<void>
  /** The provider's own records of a range of time, oldest first. Reconciliation compares Farebox's records with them. */
  records?(range: RecordsRange, context: CallContext): AsyncIterable<ProviderRecord>
}

/** A range of time in epoch milliseconds, UTC, its end excluded. With `to`: only the phone calls to that number. */
export interface RecordsRange {
  from: number
  until: number
  to?: string
}

/** What a provider's own records say about one request. */
export interface ProviderRecord {
  /** The provider's id of the request, the same as in its result: `requestId`, or the `callId` of a phone call. */
  requestId: string
  service: Service
  /** When the request began, in epoch milliseconds, UTC. */
  at: number
  /** `pending`: the request has not ended, or its price is not known yet. */
  status: 'pending' | 'final'
  /** For a phone call: the number called. */
  to?: string
  usage?: Usage
  /** What the provider billed for the request; `undefined` when it does not say, or not yet. */
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
  /** Whether arguments must match `parameters` exactly, at providers that can enforce it. @defaultValue the provider's own */
  strict?: boolean
}

/** The model's request to run a tool. `arguments` is the JSON text as the model wrote it, valid or not. */
export interface ToolCall {
  id: string
  name: string
  arguments: string
}

/** A request to a chat model, as an adapter receives it. */
export interface ChatRequest {
  model: string
  messages: readonly ChatMessage[]
  /** The most tokens that the answer may have, reasoning included. */
  outputTokensMax?: number
  temperature?: number
  stop?: readonly string[]
  tools?: readonly Tool[]
  toolChoice?: 'auto' | 'none' | 'required' | { name: string }
  /** Parameters of the provider's own API, passed through unchanged. */
  providerOptions?: Record<string, unknown>
}

/** Why an answer ended. `length`: it reached the token limit. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'other'

/** A chat model's complete answer. */
export interface ChatResult {
  text: string
  /** Whether `text` is a refusal, where the provider distinguishes refusals from answers. */
  isRefusal?: boolean
  toolCalls?: readonly ToolCall[]
  finishReason: FinishReason
  /** The log probabilities of the tokens, in the provider's format, if `providerOptions` asked for them. */
  logprobs?: unknown
  /** The model that answered, as the provider names it. */
  model: string
  /** `undefined`: the provider did not report it. */
  usage?: Usage
  /** The provider's id of this request. */
  requestId?: string
}

/**
 * An event of a streamed answer. If the stream ends without `finish`, it is incomplete and the adapter throws. A `text` may be empty if it has
 * `logprobs`: those of half a character, or of a tool call.
 */
export type ChatEvent =
  | { type: 'text'; text: string; isRefusal?: boolean; logprobs?: unknown }
  | { type: 'tool_call'; index: number; id?: string; name?: string; arguments: string }
  | { type: 'finish'; finishReason: FinishReason; model: string; usage?: Usage; requestId?: string }

/** A recording to transcribe. */
export interface TranscribeRequest {
  model: string
  audio: Audio
  /** ISO 639-1 code of the spoken language; absent: the provider detects it. */
  language?: string
  providerOptions?: Record<string, unknown>
}

/** Recorded sound. `mediaType` is detected from its first bytes: `audio/wav`, for example. */
export interface Audio {
  data: Uint8Array
  mediaType: string
}

/** The transcript of a recording. */
export interface TranscribeResult {
  text: string
  /** Length of the audio as the provider measured it. */
  durationSeconds?: number
  language?: string
  model: string
  usage?: Usage
  requestId?: string
}

/** The formats in which speech can be requested. `mulaw` is what telephones play: raw 8-bit µ-law, 8,000 samples per second. */
export const audioFormats = ['mp3', 'wav', 'opus', 'pcm', 'mulaw'] as const
/** A container or an encoding in which speech can be requested. */
export type AudioFormat = (typeof audioFormats)[number]

/** Text to speak. */
export interface SpeakRequest {
  model: string
  text: string
  voice?: string
  format: AudioFormat
  providerOptions?: Record<string, unknown>
}

/** Complete synthesized speech. */
export interface SpeakResult {
  audio: Uint8Array
  format: AudioFormat
  model: string
  usage?: Usage
  requestId?: string
}

/** An event of streamed speech. If the stream ends without `finish`, it is incomplete and the adapter throws. */
export type SpeechEvent =
  | { type: 'audio'; audio: Uint8Array }
  | { type: 'finish'; model: string; usage?: Usage; requestId?: string }

/** Texts to embed. */
export interface EmbedRequest {
  model: string
  inputs: readonly string[]
  /** Length of the vectors. @defaultValue the model's own */
  dimensions?: number
  providerOptions?: Record<string, unknown>
}

/** The embeddings of texts. */
export interface EmbedResult {
  /** One vector for each input, in the order of the inputs. */
  embeddings: readonly (readonly number[])[]
  model: string
  usage?: Usage
  requestId?: string
}

/** The encoding of streamed sound: 16-bit little-endian samples, or 8-bit µ-law as telephones use it. Always one channel. */
export interface SoundFormat {
  encoding: 'pcm_s16le' | 'mulaw'
  /** Samples per second. */
  sampleRate: number
}

/** How many seconds of sound `bytes` bytes hold. */
export function soundSeconds(bytes: number, { encoding, sampleRate }: SoundFormat): number {
  return bytes / (sampleRate * (encoding === 'mulaw' ? 1 : 2))
}

/** Live sound to transcribe as it arrives. */
export interface LiveTranscribeRequest {
  model: string
  /** The sound as it arrives, in pieces of any length. When it ends, the rest is transcribed and the transcription ends. */
  audio: AsyncIterable<Uint8Array>
  format: SoundFormat
  /** ISO 639-1 code of the spoken language. @defaultValue detected, or the model's own */
  language?: string
  providerOptions?: Record<string, unknown>
}

/**
 * An event of a live transcription. `open` comes first, when the provider is ready for sound. The next transcript may replace one
 * that is not final. `requestId` comes as soon as the provider reports it, so that it is known even if the caller leaves early.
 * If the stream ends without `finish`, it is incomplete and the adapter throws.
 */
export type TranscriptEvent =
  | { type: 'open'; requestId?: string }
  | { type: 'transcript'; text: string; isFinal: boolean; startSeconds?: number; endSeconds?: number; requestId?: string }
  | { type: 'finish'; model: string; durationSeconds?: number; usage?: Usage; requestId?: string }

/** A spoken conversation to hold. */
export interface RealtimeRequest {
  model: string
  /** What the user and the caller send. When it ends, the model finishes its current answer and the conversation ends. */
  input: AsyncIterable<RealtimeInput>
  /** The system prompt: what the model is and does. */
  instructions?: string
  voice?: string
  inputFormat: SoundFormat
  outputFormat: SoundFormat
  tools?: readonly Tool[]
  /** The most tokens that one answer may have. */
  outputTokensMax?: number
  /**
   * The adapter calls this when an answer begins, requested or not, and before its first output. Each such answer must end with a
   * `turn`. An adapter that cannot tell need not call it: an answer then counts as begun at its first output.
   */
  onAnswer?: () => void
  providerOptions?: Record<string, unknown>
}

/**
 * An input to a conversation. `respond` asks for an answer at once, without the pause that the model would wait for. `cancel`
 * stops the answer being given, and takes back a `respond` that waits. It may come when no answer is given, and then means
 * nothing: it is the last input of a conversation whose next answer cannot be paid.
 */
export type RealtimeInput =
  | { type: 'audio'; audio: Uint8Array }
  | { type: 'text'; text: string }
  | { type: 'tool_result'; toolCallId: string; content: string }
  | { type: 'respond' }
  | { type: 'cancel' }

/**
 * An event of a conversation. `open` comes first. `heard` is what the user said, and `text` is the transcript of the answer.
 * `turn` ends an answer, even one that was cancelled before it said anything, and reports its usage, which is charged at once:
 * the next `respond` waits for it. If it does not come while a `respond` waits, the conversation breaks off where the answer was
 * cancelled or the input has ended. If a conversation ends without `finish`, it is incomplete and the adapter throws. The `usage`
 * of `finish` covers only what no turn has reported.
 */
export type RealtimeEvent =
  | { type: 'open'; requestId?: string }
  | { type: 'heard'; text: string }
  | { type: 'audio'; audio: Uint8Array }
  | { type: 'text'; text: string }
  | { type: 'tool_call'; id: string; name: string; arguments: string }
  | { type: 'turn'; turnId: string; isComplete: boolean; usage?: Usage }
  | { type: 'finish'; model: string; usage?: Usage; requestId?: string }

/** A telephone call to place. */
export interface PhoneRequest {
  /** E.164 number to call: `+15551234567`. */
  to: string
  /** E.164 number that the callee sees. */
  from?: string
  /** What happens when the call is answered. */
  instructions: { type: 'say'; text: string } | { type: 'url'; url: string } | { type: 'twiml'; twiml: string }
  /** The length at which the provider ends the call. It is the hard limit on the call's cost. */
  durationSecondsMax: number
}

/** How a telephone call ended. */
export interface PhoneResult {
  callId: string
  status: 'completed' | 'busy' | 'no_answer' | 'failed' | 'canceled'
  /** How many seconds the call was connected. */
  durationSeconds: number
  usage?: Usage
  /** What the provider billed for the call; `undefined` if not known yet. {@link ProviderAdapter.records} reports it later. */
  cost?: NanoUsd
}
