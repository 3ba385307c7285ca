import type {
  AudioFormat,
  ChatEvent,
  ChatMessage,
  ChatResult,
  Credits,
  Dialect,
  EmbedResult,
  PhoneRequest,
  PhoneResult,
  RealtimeInput,
  Service,
  SoundFormat,
  SpeechEvent,
  Tool,
} from '@farebox/core'
import type { RouteNeeds } from '@farebox/router'

/** How one call may be served. */
export interface CallOptions {
  /** The only provider that may serve it, by its wire name: `gpt-4o`, `deepgram`. @defaultValue as configured */
  provider?: string
  /** `low` takes a cheaper provider where cost is optimized; `auto` judges a chat by what it asks. @defaultValue as configured */
  complexity?: 'low' | 'medium' | 'high' | 'auto'
  /** `high` takes the best provider. @defaultValue `standard` */
  accuracy?: 'standard' | 'high'
  /** What a provider must be and promise, beside what the configuration asks for. */
  needs?: Pick<RouteNeeds, 'region' | 'serviceLevels' | 'qualityMin' | 'latencyMsMax'>
  /** What the configuration's conditions look at, beside the workflow's: `{ tier: 'free' }`. Set by the host, not by its callers. */
  metadata?: Readonly<Record<string, string>>
  /** Fires when the caller leaves: the provider is stopped, and what was produced is charged. */
  signal?: AbortSignal
}

/** Parameters in the words of a provider's API: they go to adapters that speak it, and to no other. */
export type DialectOptions = Readonly<Partial<Record<Dialect, Record<string, unknown>>>>

/** How an answer is streamed. */
export interface StreamOptions {
  /**
   * What happens when a provider fails in the middle of its answer: `end` it with an error, and charge what was produced; or `continue` at
   * the next provider, which is given what was said so far, and is then all that is charged. @defaultValue `end`
   */
  afterContent?: 'end' | 'continue'
  /** Hears that another provider goes on. */
  onContinued?: (seam: { from: string; to: string }) => void
}

/** A question to a chat model. */
export interface ChatInput extends CallOptions {
  messages: readonly ChatMessage[]
  /** Tokens that the answer may have at most; what is held depends on it. @defaultValue 1_024 */
  outputTokensMax?: number
  temperature?: number
  stop?: readonly string[]
  tools?: readonly Tool[]
  toolChoice?: 'auto' | 'none' | 'required' | { name: string }
  /** Parameters of the provider's own API, passed through untouched. */
  providerOptions?: Record<string, unknown>
  dialectOptions?: DialectOptions
}

/** A question to a chat model whose answer is passed on as it comes. */
export interface StreamChatInput extends ChatInput, StreamOptions {}

/** A question about images. */
export interface SeeInput extends Omit<ChatInput, 'messages'> {
  /** What is asked about the images. */
  prompt: string
  /** `https:` or `data:` URLs. */
  images: readonly string[]
}

/** A recording to be transcribed. */
export interface TranscribeInput extends CallOptions {
  /** The recording, in any common container. */
  audio: Uint8Array
  /** ISO 639-1 code of the language. @defaultValue found out */
  language?: string
  dialectOptions?: DialectOptions
}

/** Sound to be transcribed while it is heard. */
export interface ListenInput extends CallOptions {
  /** The sound as it is heard, in pieces of any length. Its end ends the transcription. */
  audio: AsyncIterable<Uint8Array>
  format: SoundFormat
  /** ISO 639-1 code of the language. @defaultValue found out */
  language?: string
  /** Credits run low when they pay for less than this many seconds more. @defaultValue 30 */
  lowSeconds?: number
  /** Hears once that credits, or what a request may cost, run low, and for about how many seconds more they last: the moment to say so. */
  onLow?: (facts: { secondsLeft: number }) => void
}

/** A conversation in speech. */
export interface ConverseInput extends CallOptions {
  /** What the conversation is fed with. Its end ends the conversation. */
  input: AsyncIterable<RealtimeInput>
  instructions?: string
  voice?: string
  inputFormat: SoundFormat
  outputFormat: SoundFormat
  tools?: readonly Tool[]
  /** Tokens that one answer may have at most; what is held for each depends on it. @defaultValue 2_048 */
  outputTokensMax?: number
  /** Credits run low when they pay for fewer answers than this beside the next. @defaultValue 2 */
  lowAnswers?: number
  /** Hears once that credits, or what a request may cost, run low, and for how many answers more they last at least: the moment to say so. */
  onLow?: (facts: { answersLeft: number }) => void
}

/** Time that the host's own code spends with a provider: a telephone call that came in. */
export interface MeterInput {
  service: Service
  /** The provider that its price is of. */
  provider: string
  model?: string
  /** The number called, in E.164, where the price of a call depends on it. */
  to?: string
  /** The number called from. */
  from?: string
  /** The id that the provider knows it by, kept with what is charged. */
  requestId?: string
  /** Seconds that stay paid for when the credits are gone, to end the work in: a goodbye. @defaultValue 10 */
  reserveSeconds?: number
  /** Credits run low when they last for less than this many seconds more. @defaultValue 60 */
  lowSeconds?: number
  /** Hears once that credits, or what a request may cost, run low, and for about how many seconds more they last, given all that the account pays for. */
  onLow?: (facts: { secondsLeft: number }) => void
  /** Hears that no more than the reserve can be paid, and why: the moment to end the work. */
  onSpent?: (facts: { reason: SpentReason }) => void
}

/** Time that is paid for while it passes, in parts that cost what the whole would. */
export interface MeteredTime {
  /** How far it has come. */
  readonly seconds: number
  /** Whether no more than the reserve could be paid. */
  readonly isSpent: boolean
  /**
   * Tells how far it has come, in seconds from its beginning, as often as you like. Resolves when what comes next is paid for, or cannot be;
   * nobody has to wait for that.
   */
  reached(seconds: number): Promise<void>
  /**
   * Ends it, charges what is left to charge, and gives the rest of its hold back. Ending it again answers the same. Closing the workflow does it too,
   * and closing the Farebox when its grace is over.
   *
   * @param seconds  how long it was by the provider's count. @defaultValue as far as it has come
   */
  end(seconds?: number): Promise<MeterEnd>
}

/** What metered time has come to. */
export interface MeterEnd {
  creditsUsed: Credits
  seconds: number
}

/** Text to be spoken. */
export interface SpeakInput extends CallOptions {
  text: string
  voice?: string
  /** @defaultValue `mp3` */
  format?: AudioFormat
  dialectOptions?: DialectOptions
}

/** Texts to be turned into vectors. */
export interface EmbedInput extends CallOptions {
  inputs: readonly string[]
  /** Length of the vectors. @defaultValue the model's own */
  dimensions?: number
}

/** A telephone call to be placed. */
export interface PhoneInput extends Omit<PhoneRequest, 'durationSecondsMax'>, CallOptions {
  /** The call is ended at this length, or earlier where the account affords less. @defaultValue 600 */
  durationSecondsMax?: number
  /** How long it will probably take: what providers are compared and estimates made by. @defaultValue as long as it may */
  durationSecondsExpected?: number
}

/** Calls that may be made. */
export interface PlannedCalls {
  chat?: ChatInput
  see?: SeeInput
  transcribe?: TranscribeInput
  speak?: SpeakInput
  call?: Omit<PhoneInput, 'to' | 'instructions'> & Partial<Pick<PhoneInput, 'to'>>
}

/** What else is known of work that the caller did itself. */
export interface RecordOptions {
  model?: string
  /** The number called, in E.164, where the price of a call depends on it. */
  to?: string
  /** The number called from. */
  from?: string
  /**
   * Names a call that is recorded in slices, such as a phone call while it lasts: its slices cost what the whole call would, with one
   * connect fee and one minimum. Slices of one call are recorded one after another. @defaultValue what is recorded is a call by itself
   */
  call?: string
  idempotencyKey?: string
  /** Told where it was recorded before, under the same key: the answer is that of then. */
  onReplayed?: () => void
}

/** What every call answers beside its result. */
export interface Metered {
  /** Who served it, by its wire name. */
  provider: string
  creditsUsed: Credits
  /** What the account had left when it was charged; absent where the charge waits for the database to come back. */
  balance?: Credits
  /** Whether the answer was made up by a simulated provider. */
  isSimulated: boolean
}

/** What a chat model answered, with what it cost. */
export type ChatAnswer = Metered & ChatResult

/** An answer as it is produced. */
export interface MeteredStream<Event> {
  provider: string
  isSimulated: boolean
  /** What the account had when it began, before it is charged for this. */
  balance: Credits
  /** Read once. Stopping to read stops the provider, and what was produced is charged. */
  events: AsyncIterableIterator<Event, undefined, undefined>
  /** What the stream cost, when it has ended, however it ended. */
  settled: Promise<Pick<Metered, 'creditsUsed' | 'balance'> & { isComplete: boolean }>
}

/** An answer of a chat model as it comes. */
export type ChatStream = MeteredStream<ChatEvent>

/** A speech as it is spoken. */
export interface SpeechStream extends MeteredStream<SpeechEvent> {
  format: AudioFormat
}

/**
 * Why live work cannot be paid any longer: the account, a budget or the workflow has no more `credits`, or it has come to what one request
 * may cost, by the configuration (`request_limit`) or by the API key (`key_limit`).
 */
export type SpentReason = 'credits' | 'request_limit' | 'key_limit'

/** Why live work ended: its input did, it could not be paid any longer, its caller left or the input failed, or its provider did. */
export type LiveEnd = 'input' | SpentReason | 'caller' | 'provider'

/** Live work as it goes on. It is charged in parts while it does. */
export interface LiveStream<Event> extends Omit<MeteredStream<Event>, 'settled'> {
  /** What it cost, when it has ended, however it ended. */
  settled: Promise<{ creditsUsed: Credits; endedBy: LiveEnd }>
}

/** Texts as vectors, with what they cost. */
export type Embeddings = Metered & Pick<EmbedResult, 'embeddings' | 'model' | 'usage'>

/** What was said in a recording, with what it cost to know. */
export interface Transcript extends Metered {
  text: string
  language?: string
  durationSeconds?: number
}

/** A whole speech, with what it cost. */
export interface Speech extends Metered {
  audio: Uint8Array
  format: AudioFormat
}

/** How a telephone call ended, with what it cost. */
export type PhoneAnswer = Metered & PhoneResult

/** What a recorded usage cost. */
export interface Recorded {
  creditsUsed: Credits
  /** The account's balance afterwards. */
  balance: Credits
}
