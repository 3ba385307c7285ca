import { microUnits, type Quantity, quantity, type SoundFormat, soundSeconds, UNIT, type Usage } from '@farebox/core'
import { durationUsage } from '../adapter/duration-usage.ts'
import { readable } from '../adapter/readable-usage.ts'
import { cartesiaTranscriptionUsage } from '../usage/cartesia.ts'

/** How much live sound was sent and how much the provider said it heard, which is what a live transcription costs. */
export class HeardSound {
  /** Whether all of the sound was sent. */
  isWhole = false
  readonly #format: SoundFormat
  #bytes = 0
  #reported: Quantity | undefined

  constructor(format: SoundFormat) {
    this.#format = format
  }

  /** Seconds of sound that the provider said it transcribed; `undefined` when it never said. */
  get reportedSeconds(): number | undefined {
    return this.#reported === undefined ? undefined : Number(this.#reported) / Number(UNIT)
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }

  /** Reads the duration of a transcript. Each final one tells of the sound that made it; others will be told again. */
  report(transcript: Readonly<Record<string, unknown>>): void {
    if (transcript.is_final !== true) return
    const [told] = readable(() => cartesiaTranscriptionUsage(transcript))?.quantities ?? []
    if (told) this.#reported = microUnits((this.#reported ?? 0n) + told.quantity)
  }

  /**
   * Seconds of sound. `exact` where what the provider reported is all that it was sent; else what was sent: as a `floor` where less was
   * reported, since silence is billed too, and brings no transcript that could tell of it; and `derived` where more was, which nobody can
   * have heard: a transcript was told twice, or counts those before it.
   *
   * @returns `undefined` before any sound was sent
   */
  usage(): Usage | undefined {
    const sent = quantity(soundSeconds(this.#bytes, this.#format))
    const reported = this.#reported ?? microUnits(0n)
    if (sent === 0n) return undefined
    const raw = this.#reported === undefined ? undefined : { duration: this.reportedSeconds }
    const isMore = reported > sent + ROUNDING
    if (this.isWhole && reported + TOLERANCE >= sent && !isMore) return durationUsage(reported, 'exact', raw)
    return durationUsage(sent, this.isWhole && isMore ? 'derived' : 'floor', raw)
  }
}

/** A tenth of a second: a provider that counts in whole frames misses up to one at the end. */
const TOLERANCE = UNIT / 10n
/** A provider that rounds up counts up to a second more. */
const ROUNDING = UNIT
