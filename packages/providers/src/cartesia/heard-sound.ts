import { microUnits, type Quantity, quantity, type SoundFormat, soundSeconds, UNIT, type Usage } from '@farebox/core'
import { durationUsage } from '../adapter/duration-usage.ts'
import { readable } from '../adapter/readable-usage.ts'
import { cartesiaTranscriptionUsage } from '../usage/cartesia.ts'

/** Counts the live audio that we sent and that the provider reported, for the usage of a live transcription. */
export class HeardSound {
  /** Whether we have sent all of the audio. */
  isWhole = false
  readonly #format: SoundFormat
  #bytes = 0
  #reported: Quantity | undefined

  constructor(format: SoundFormat) {
    this.#format = format
  }

  /** The seconds of audio that the provider reported as transcribed. `undefined` if it reported none. */
  get reportedSeconds(): number | undefined {
    return this.#reported === undefined ? undefined : Number(this.#reported) / Number(UNIT)
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }

  /** Adds the duration of a final transcript. Interim ones will be reported again. */
  report(transcript: Readonly<Record<string, unknown>>): void {
    if (transcript.is_final !== true) return
    const [told] = readable(() => cartesiaTranscriptionUsage(transcript))?.quantities ?? []
    if (told) this.#reported = microUnits((this.#reported ?? 0n) + told.quantity)
  }

  /**
   * The usage in seconds of audio. If the provider reported everything that we sent, its count is `exact`. Otherwise our own
   * count applies. It is a `floor` if the provider reported less, or not everything was sent: Cartesia also bills silence, which
   * yields no transcript. It is `derived` if the provider reported more than we sent: a transcript repeated or included earlier
   * ones.
   *
   * @param pendingBytes what of it has not left this machine, and so was not heard
   * @returns `undefined` before we sent any audio
   */
  usage(pendingBytes: number): Usage | undefined {
    const sent = quantity(soundSeconds(Math.max(0, this.#bytes - pendingBytes), this.#format))
    const reported = this.#reported ?? microUnits(0n)
    if (sent === 0n) return undefined
    const raw = this.#reported === undefined ? undefined : { duration: this.reportedSeconds }
    const isMore = reported > sent + ROUNDING
    if (this.isWhole && reported + TOLERANCE >= sent && !isMore) return durationUsage(reported, 'exact', raw)
    return durationUsage(sent, this.isWhole && isMore ? 'derived' : 'floor', raw)
  }
}

/** A tenth of a second, because a provider that counts whole frames may miss the last one. */
const TOLERANCE = UNIT / 10n
/** One second, because a provider may round up. */
const ROUNDING = UNIT
