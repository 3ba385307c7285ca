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

/** Options that every call takes. */
export interface CallOptions {
  /** The only provider that may serve it, by its wire name: `gpt-4o`, `deepgram`. @defaultValue as configured */
  provider?: string
  /**
   * `low` prefers a cheaper provider if the configuration optimizes cost. `auto` judges a chat by its content.
   * @defaultValue as configured
   */
  complexity?: 'low' | 'medium' | 'high' | 'auto'
  /** `high` prefers the best provider. @defaultValue `standard` */
  accuracy?: 'standard' | 'high'
  /** Requirements that a provider must meet, in addition to those of the configuration. */
  needs?: Pick<RouteNeeds, 'region' | 'serviceLevels' | 'qualityMin' | 'latencyMsMax'>
  /**
   * Metadata that the configuration's conditions check, in addition to the workflow's: `{ tier: 'free' }`. The host sets it,
   * never its callers.
   */
  metadata?: Readonly<Record<string, string>>
  /** Aborts when the caller leaves. The provider is stopped, and what it has produced is charged. Phone calls go on. */
  signal?: AbortSignal
}

/** Parameters in the dialect of a provider's API. Only adapters that speak this dialect receive them. */
export type DialectOptions = Readonly<Partial<Record<Dialect, Record<string, unknown>>>>

/** How an answer is streamed. */
export interface StreamOptions {
  /**
   * What happens when a provider fails in the middle of its answer. `end` ends the stream with an error and charges what was
   * produced. `continue` goes on at the next provider, which is given the answer so far, if the account can pay for that longer
   * prompt too. Only that provider's part is charged then, unless `failedAttempts` is `charged`.
   * @defaultValue `end`
   */
  afterContent?: 'end' | 'continue'
  /** Called when another provider continues the answer. */
  onContinued?: (seam: { from: string; to: string }) => void
}

/** A question to a chat model. */
export interface ChatInput extends CallOptions {
  messages: readonly ChatMessage[]
  /** The most tokens that the answer may have, if its model can write so many. The hold depends on it. @defaultValue 1_024 */
  outputTokensMax?: number
  temperature?: number
  stop?: readonly string[]
  tools?: readonly Tool[]
  toolChoice?: 'auto' | 'none' | 'required' | { name: string }
  /** Parameters of the provider's own API, passed through untouched. */
  providerOptions?: Record<string, unknown>
  dialectOptions?: DialectOptions
}

/** A question to a chat model whose answer is streamed. */
export interface StreamChatInput extends ChatInput, StreamOptions {}

/** A question about images. */
export interface SeeInput extends Omit<ChatInput, 'messages'> {
  /** The question about the images. */
  prompt: string
  /** `https:` or `data:` URLs. */
  images: readonly string[]
}

/** A recording to transcribe. */
export interface TranscribeInput extends CallOptions {
  /** The recording, in any common container. */
  audio: Uint8Array
  /** ISO 639-1 code of the language. @defaultValue detected by the provider */
  language?: string
  dialectOptions?: DialectOptions
}

/** Audio to transcribe live. */
export interface ListenInput extends CallOptions {
  /** The audio as it arrives, in chunks of any length. The transcription ends when it does. */
  audio: AsyncIterable<Uint8Array>
  format: SoundFormat
  /** ISO 639-1 code of the language. @defaultValue detected by the provider */
  language?: string
  /** Credits run low when they pay for fewer seconds than this. @defaultValue 30 */
  lowSeconds?: number
  /**
   * Called once, when credits or the request's cost limit run low, with about how many seconds they still last. Use it to warn
   * the speaker.
   */
  onLow?: (facts: { secondsLeft: number }) => void
}

/** A spoken conversation with a model. */
export interface ConverseInput extends CallOptions {
  /** What the user says and sends. The conversation ends when it does. */
  input: AsyncIterable<RealtimeInput>
  instructions?: string
  voice?: string
  inputFormat: SoundFormat
  outputFormat: SoundFormat
  tools?: readonly Tool[]
  /**
   * The most tokens that one answer may have, if its model can speak so many. The hold for each answer depends on it.
   * @defaultValue 2_048
   */
  outputTokensMax?: number
  /** Credits run low when they pay for fewer answers than this after the next one. @defaultValue 2 */
  lowAnswers?: number
  /**
   * Called once, when credits or the request's cost limit run low, with how many more answers they pay for at least. Use it to
   * warn the user.
   */
  onLow?: (facts: { answersLeft: number }) => void
}

/** Time that your own code spends with a provider, such as an incoming phone call. */
export interface MeterInput {
  service: Service
  /** The provider whose price applies. */
  provider: string
  model?: string
  /** The number called, in E.164, if the price of a call depends on it. */
  to?: string
  /** The number called from. */
  from?: string
  /** The provider's id of the work. Usage records keep it. */
  requestId?: string
  /** Seconds that stay paid for after the credits are gone, to end the work in, such as for a goodbye. @defaultValue 10 */
  reserveSeconds?: number
  /** Credits run low when they last for fewer seconds than this. @defaultValue 60 */
  lowSeconds?: number
  /**
   * Called once, when credits or the request's cost limit run low, with about how many seconds they still last, given everything
   * that the account pays for.
   */
  onLow?: (facts: { secondsLeft: number }) => void
  /** Called when no more than the reserve can be paid, with the reason. End the work then. */
  onSpent?: (facts: { reason: SpentReason; blockedBy?: SpendingBlock }) => void
}

/** Running time that is metered. It is charged in parts, which together cost what the whole would. */
export interface MeteredTime {
  /** The seconds reached so far. */
  readonly seconds: number
  /** Whether the account could pay for no more than the reserve. */
  readonly isSpent: boolean
  /**
   * Reports the time reached, in seconds since the beginning, as often as you like. Resolves when it is known whether the time
   * ahead is paid for. You need not await it.
   */
  reached(seconds: number): Promise<void>
  /**
   * Ends it, charges what has not been charged yet, and releases the rest of its hold. Ending it again returns the same result.
   * Closing the workflow also ends it, and so does closing the Farebox after its grace period.
   *
   * @param seconds  the whole time by the provider's count. If more was charged already, that stays charged.
   *   @defaultValue the seconds reached
   */
  end(seconds?: number): Promise<MeterEnd>
}

/** The total of metered time: what was charged, and for how many seconds. The receipt of its workflow says the same. */
export interface MeterEnd {
  creditsUsed: Credits
  seconds: number
}

/** Text to turn into speech. */
export interface SpeakInput extends CallOptions {
  text: string
  voice?: string
  /** @defaultValue `mp3` */
  format?: AudioFormat
  dialectOptions?: DialectOptions
}

/** Texts to turn into vectors. */
export interface EmbedInput extends CallOptions {
  inputs: readonly string[]
  /** The length of each vector. @defaultValue the model's own */
  dimensions?: number
  dialectOptions?: DialectOptions
}

/** A phone call to place. */
export interface PhoneInput extends Omit<PhoneRequest, 'durationSecondsMax'>, CallOptions {
  /** The call ends at this length, or earlier if the account, a budget or the workflow allows less. @defaultValue 600 */
  durationSecondsMax?: number
  /** How long it will probably take. Comparisons of providers and estimates use this. @defaultValue `durationSecondsMax` */
  durationSecondsExpected?: number
}

/** Calls to estimate, without making them. */
export interface PlannedCalls {
  chat?: ChatInput
  see?: SeeInput
  transcribe?: TranscribeInput
  speak?: SpeakInput
  call?: Omit<PhoneInput, 'to' | 'instructions'> & Partial<Pick<PhoneInput, 'to'>>
}

/** Details of work that you did outside Farebox. */
export interface RecordOptions {
  model?: string
  /** The number called, in E.164, if the price of a call depends on it. */
  to?: string
  /** The number called from. */
  from?: string
  /**
   * An id for a call that is recorded in slices, such as a phone call in progress. Its slices together cost what the whole call
   * would, with one connect fee and one minimum, whichever process records them.
   * @defaultValue the record is a call of its own
   */
  call?: string
  idempotencyKey?: string
  /** Called if the same key has recorded work before. The result is the earlier one then. */
  onReplayed?: () => void
}

/** What every call returns in addition to its result. */
export interface Metered {
  /** The wire name of the provider that served it. */
  provider: string
  /** What the answer was charged. The receipt also has failed attempts that the customer pays for (`failedAttempts: 'charged'`). */
  creditsUsed: Credits
  /** The account's balance after the charge. Absent while the charge waits for the database to come back. */
  balance?: Credits
  /** Whether a simulated provider made up the answer. */
  isSimulated: boolean
}

/** The answer of a chat model, and what it cost. */
export type ChatAnswer = Metered & ChatResult

/** An answer that is streamed as it is produced. */
export interface MeteredStream<Event> {
  provider: string
  isSimulated: boolean
  /** The account's balance when the stream began, before it is charged. */
  balance: Credits
  /** The events. Read them once. If you stop reading, the provider stops too, and what it has produced is charged. */
  events: AsyncIterableIterator<Event, undefined, undefined>
  /** Resolves when the stream has ended, however it ended, with what it cost. */
  settled: Promise<Pick<Metered, 'creditsUsed' | 'balance'> & { isComplete: boolean }>
}

/** The streamed answer of a chat model. */
export type ChatStream = MeteredStream<ChatEvent>

/** Streamed speech. */
export interface SpeechStream extends MeteredStream<SpeechEvent> {
  format: AudioFormat
}

/**
 * Why live work can no longer be paid: the account, a budget or the workflow has no more `credits`, or the work has reached the
 * most that one request may cost, by the configuration (`request_limit`) or by the API key (`key_limit`).
 */
export type SpentReason = 'credits' | 'request_limit' | 'key_limit'

/**
 * Why nothing more could be spent although there may be credits: the account was frozen (`account_frozen`), or somebody else closed
 * the workflow or one above it, or ended the hold of the work (`ended_elsewhere`). The reason is `credits` then too.
 */
export type SpendingBlock = 'account_frozen' | 'ended_elsewhere'

/**
 * Why live work ended: its `input` ended, it could no longer be paid, its `caller` left or the input failed, or its `provider`
 * ended it.
 */
export type LiveEnd = 'input' | SpentReason | 'caller' | 'provider'

/** Live work in progress. It is charged in parts as it runs. */
export interface LiveStream<Event> extends Omit<MeteredStream<Event>, 'settled'> {
  /** Resolves when the work has ended, however it ended, with what it cost. `blockedBy` may explain an end by `credits`. */
  settled: Promise<{ creditsUsed: Credits; endedBy: LiveEnd; blockedBy?: SpendingBlock }>
}

/** Texts as vectors, and what they cost. */
export type Embeddings = Metered & Pick<EmbedResult, 'embeddings' | 'model' | 'usage'>

/** The text of a recording, and what it cost. */
export interface Transcript extends Metered {
  text: string
  language?: string
  durationSeconds?: number
}

/** A whole speech, and what it cost. */
export interface Speech extends Metered {
  audio: Uint8Array
  format: AudioFormat
}

/** How a phone call ended, and what it cost. */
export type PhoneAnswer = Metered & PhoneResult

/** What recorded work cost. */
export interface Recorded {
  creditsUsed: Credits
  /** The account's balance afterwards. */
  balance: Credits
}
