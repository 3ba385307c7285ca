import type { AudioFormat, ProviderAdapter, ProviderErrorKind } from '@farebox/core'

/** The adapter methods that the suite exercises. An adapter with a plain method and its stream must agree on both. */
export const methods = [
  'chat',
  'streamChat',
  'transcribe',
  'streamTranscription',
  'speak',
  'streamSpeech',
  'converse',
  'embed',
  'call',
] as const
/** An adapter method that the suite can exercise. */
export type Method = (typeof methods)[number]

/** The methods that stream. */
export const streamMethods = ['streamChat', 'streamTranscription', 'streamSpeech', 'converse'] as const
export type StreamMethod = (typeof streamMethods)[number]

/** Whether a method answers with a stream of events. */
export function isStreamMethod(method: Method): method is StreamMethod {
  return (streamMethods as readonly Method[]).includes(method)
}

/**
 * What the provider must do with the next call of a method.
 *
 * - `unreported_usage`: answer successfully, but report no usage
 * - `no_answer`: accept the request and never answer
 * - `stalled_answer`: begin to answer, then hang. A stream sends one part first.
 * - `truncated_answer`: end the stream cleanly after one or more parts, but without its closing mark
 * - `failure`: fail in a way that the adapter must classify as `kind`
 */
export type Situation =
  | { type: 'unreported_usage' }
  | { type: 'no_answer' }
  | { type: 'stalled_answer' }
  | { type: 'truncated_answer' }
  | { type: 'failure'; kind: ProviderErrorKind }

/** A situation that the provider will run into, and control over it. */
export interface Arranged {
  /** Resolves when the provider has reached the situation. */
  struck: Promise<void>
  /** Makes the provider end a call that hangs. */
  release(): void
}

/** An adapter, and control over the provider that it talks to. */
export interface ProviderUnderTest {
  adapter: ProviderAdapter
  arrange(method: Method, situation: Situation): Arranged
  close(): Promise<void>
}

/** What {@link exerciseProviderAdapter} tests, and with what. */
export interface ConformanceOptions {
  /** All methods that the adapter has. */
  methods: readonly Method[]
  /** The kinds of failure that `arrange` can produce. */
  failureKinds: readonly ProviderErrorKind[]
  /**
   * Methods whose work continues at the provider after the caller stops waiting, like a phone that keeps ringing. Once the
   * adapter has sent such a request, every failure but a plain refusal is `outcome_unknown`, an abort or a deadline included.
   *
   * @defaultValue none
   */
  irrevocable?: readonly Method[]
  /** Texts that no error may contain, such as the API key. The suite adds its own prompts. */
  secrets?: readonly string[]
  /** The format of the speech that the suite requests. @defaultValue `mp3` */
  speechFormat?: AudioFormat
  /** Tests to skip: the name of each, with the reason. */
  skip?: Readonly<Record<string, string>>
}
