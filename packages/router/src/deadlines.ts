import { refuseNaN } from './refuse-nan.ts'
import { isLive, type Operation } from './route.ts'

/**
 * Time limits in milliseconds. By default, live work (a phone call, a live transcription, a conversation) may take as long as a
 * telephone network lets a call last. In live streams, silence is no sign of illness.
 */
export interface Deadlines {
  /**
   * The whole route: every attempt, wait, fallback and continuation, and a stream until its end.
   * @defaultValue 60_000, for live work 4 hours and a minute
   */
  totalMs?: number
  /** One attempt at a whole answer. @defaultValue 30_000, for live work `totalMs` */
  attemptMs?: number
  /** From the start of an attempt to the first content of its stream. @defaultValue 15_000 */
  firstEventMs?: number
  /** Between two events of a stream. @defaultValue 15_000, for live work `totalMs` */
  betweenEventsMs?: number
}

/** How often to try one candidate, and how long to wait in between. */
export interface Retries {
  /** Attempts at one candidate, including the first. @defaultValue 2 */
  triesMax?: number
  /**
   * Upper bound of the first backoff, in milliseconds. The backoff is random from 0 up to the bound, which doubles with each
   * retry. @defaultValue 250
   */
  backoffMs?: number
  /** Maximum of that bound, in milliseconds. @defaultValue 4_000 */
  backoffMsMax?: number
  /** The longest wait for the same candidate while another is available, in milliseconds. @defaultValue 1_000 */
  waitMsMax?: number
}

const CALL_MS_MAX = 4 * 3_600_000 + 60_000

/**
 * Fills in the defaults.
 *
 * @throws {InvalidOptionError} one is `NaN`
 */
export function resolveDeadlines(deadlines: Deadlines, operation: Operation): Required<Deadlines> {
  refuseNaN('deadlines', deadlines)
  const isLong = isLive(operation)
  const totalMs = deadlines.totalMs ?? (isLong ? CALL_MS_MAX : 60_000)
  return {
    totalMs,
    attemptMs: deadlines.attemptMs ?? (isLong ? totalMs : 30_000),
    firstEventMs: deadlines.firstEventMs ?? 15_000,
    betweenEventsMs: deadlines.betweenEventsMs ?? (isLong ? totalMs : 15_000),
  }
}

/**
 * Fills in the defaults.
 *
 * @throws {InvalidOptionError} one is `NaN`
 */
export function resolveRetries(retries: Retries): Required<Retries> {
  refuseNaN('retries', retries)
  return {
    triesMax: retries.triesMax ?? 2,
    backoffMs: retries.backoffMs ?? 250,
    backoffMsMax: retries.backoffMsMax ?? 4_000,
    waitMsMax: retries.waitMsMax ?? 1_000,
  }
}

/**
 * Whether a wait that ended at a deadline was too short to say anything about the provider, because the rest of the request had
 * used up the time. One that had at least half of the time that it may take at most is not short.
 *
 * @param mostMs  how long the wait may take at most: one of the deadlines of an attempt
 */
export function wasShort(waitedMs: number, mostMs: number, { totalMs }: Required<Deadlines>): boolean {
  return waitedMs < Math.min(mostMs, totalMs) / 2
}
