import type { AudioFormat, ProviderAdapter, ProviderErrorKind } from '@farebox/core'

/** Methods of an adapter that the suite exercises. A plain method has its stream tested with it. */
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
/** A method of an adapter. */
export type Method = (typeof methods)[number]

/** The methods that stream. */
export const streamMethods = ['streamChat', 'streamTranscription', 'streamSpeech', 'converse'] as const
export type StreamMethod = (typeof streamMethods)[number]

/** Whether a method answers in events. */
export function isStreamMethod(method: Method): method is StreamMethod {
  return (streamMethods as readonly Method[]).includes(method)
}

/**
 * What the provider is made to do with the next call of a method.
 *
 * - `unreported_usage`: answers well, without saying what it cost
 * - `no_answer`: takes the request and never answers
 * - `stalled_answer`: begins to answer, then says nothing more; a stream hands out one part first
 * - `truncated_answer`: ends its stream after a part or more, as if all were well, but without its closing mark
 * - `failure`: fails in a way that the adapter must classify as `kind`
 */
export type Situation =
  | { type: 'unreported_usage' }
  | { type: 'no_answer' }
  | { type: 'stalled_answer' }
  | { type: 'truncated_answer' }
  | { type: 'failure'; kind: ProviderErrorKind }

/** A situation that was arranged. */
export interface Arranged {
  /** Resolves when the situation has come about at the provider. */
  struck: Promise<void>
  /** Lets a call that hangs end, at the provider's side. */
  release(): void
}

/** An adapter, and power over the provider that it talks to. */
export interface ProviderUnderTest {
  adapter: ProviderAdapter
  arrange(method: Method, situation: Situation): Arranged
  close(): Promise<void>
}

/** What {@link exerciseProviderAdapter} may expect of an adapter and its provider. */
export interface ConformanceOptions {
  /** The methods that the adapter has, and no others. */
  methods: readonly Method[]
  /** The kinds of failure that the provider can be made to show. */
  failureKinds: readonly ProviderErrorKind[]
  /**
   * Methods whose work goes on at the provider when their caller stops waiting, as a phone rings on. Once such a request was sent, an abort, a
   * deadline and whatever is no plain refusal are `outcome_unknown`. @defaultValue none
   */
  irrevocable?: readonly Method[]
  /** Texts that no error may hold: the key, for one. The suite adds its own prompts. */
  secrets?: readonly string[]
  /** The format that speech is asked for in. @defaultValue `mp3` */
  speechFormat?: AudioFormat
  /** Tests that do not apply, by name, each with the reason. */
  skip?: Readonly<Record<string, string>>
}
