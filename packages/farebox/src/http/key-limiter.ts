import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { RateLimitedError } from './http-errors.ts'
import type { ResolvedLimits } from './limits.ts'

const MINUTE_SECONDS = 60

/** A request that was admitted. */
export interface Entry {
  /** What remains of the limits, as headers of the answer. */
  headers: Readonly<Record<string, string>>
  /** Call it when the request has ended. Further calls do nothing. */
  leave(): void
}

/** Counts the requests of each API key in this process. */
export class KeyLimiter {
  readonly #limits: ResolvedLimits
  readonly #running = new Map<string, number>()
  readonly #perMinute: RateLimiterMemory | undefined

  constructor(limits: ResolvedLimits) {
    this.#limits = limits
    const { requestsPerMinutePerKey: points } = limits
    if (Number.isFinite(points)) this.#perMinute = new RateLimiterMemory({ points, duration: MINUTE_SECONDS })
  }

  /** @throws {RateLimitedError} the key has too many requests under way, or made too many in this minute */
  async enter(apiKeyId: string): Promise<Entry> {
    const running = this.#running.get(apiKeyId) ?? 0
    const { concurrentRequestsPerKey: most } = this.#limits
    if (running >= most) {
      const message = `${most} requests of this key are running, which is the most allowed: wait until one has ended`
      throw new RateLimitedError('TOO_MANY_AT_ONCE', message, { name: 'concurrent_requests_per_key', limit: most, waitMs: 1_000 })
    }
    this.#running.set(apiKeyId, running + 1)
    let isIn = true
    const leave = () => {
      if (!isIn) return
      isIn = false
      const left = (this.#running.get(apiKeyId) ?? 1) - 1
      if (left > 0) this.#running.set(apiKeyId, left)
      else this.#running.delete(apiKeyId)
    }
    try {
      return { headers: await this.#count(apiKeyId), leave }
    } catch (error) {
      leave()
      throw error
    }
  }

  async #count(apiKeyId: string): Promise<Record<string, string>> {
    if (!this.#perMinute) return {}
    const { points } = this.#perMinute
    try {
      const { remainingPoints, msBeforeNext } = await this.#perMinute.consume(apiKeyId)
      return rateHeaders(points, remainingPoints, waitOf(msBeforeNext))
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused
      const waitMs = waitOf(refused.msBeforeNext)
      throw new RateLimitedError('RATE_LIMITED', `this key may make ${points} requests a minute, and has used them up`, {
        name: 'requests_per_minute_per_key',
        limit: points,
        waitMs,
        headers: rateHeaders(points, refused.remainingPoints, waitMs),
      })
    }
  }
}

/** The minute ends by a timer. The time left is told by the host's clock, which may have been set back since it began. */
function waitOf(msBeforeNext: number): number {
  return Math.min(msBeforeNext, MINUTE_SECONDS * 1_000)
}

/** @source draft-ietf-httpapi-ratelimit-headers-10: quota and window in seconds, remaining requests and seconds until the reset */
function rateHeaders(quota: number, remaining: number, waitMs: number): Record<string, string> {
  return {
    'ratelimit-policy': `"requests";q=${quota};w=${MINUTE_SECONDS}`,
    ratelimit: `"requests";r=${remaining};t=${Math.ceil(waitMs / 1_000)}`,
  }
}
