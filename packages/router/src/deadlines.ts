import { refuseNaN } from './refuse-nan.ts'
import { isLive, type Operation } from './route.ts'

/**
 * How long things may take, in milliseconds. A phone call, a live transcription and a conversation may by default take as long as a
 * telephone network lets a call; in the two that are streams, silence is no sign of illness.
 */
export interface Deadlines {
  /**
   * The whole route: every attempt, wait, fallback and continuation, and a stream to its end.
   * @defaultValue 60_000, for what is live 4 hours and a minute
   */
  totalMs?: number
  /** One attempt that answers as a whole. @defaultValue 30_000, for what is live the total */
  attemptMs?: number
  /** From the start of an attempt to the first content of its stream. @defaultValue 15_000 */
  firstEventMs?: number
  /** Between two events of a stream. @defaultValue 15_000, for what is live the total */
  betweenEventsMs?: number
}

/** How often one candidate is asked, and how long is waited between. */
export interface Retries {
  /** Attempts at one candidate, the first included. @defaultValue 2 */
  triesMax?: number
  /** The first backoff is anywhere between nothing and this; it doubles with each. @defaultValue 250 */
  backoffMs?: number
  /** @defaultValue 4_000 */
  backoffMsMax?: number
  /** The longest wait for the same candidate while another could be asked instead. @defaultValue 1_000 */
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
