import { z } from 'zod'
import type { HealthNews } from './health-news.ts'

const count = z.number().nonnegative()
const milliseconds = z.number().nonnegative()
const limit = z.number().positive()

const newsSchema = z.object({
  healthKey: z.string(),
  seenMs: milliseconds,
  samples: count,
  failures: count,
  rateLimited: count,
  answeredMs: milliseconds.optional(),
  answerMs: milliseconds.optional(),
  firstEventMs: milliseconds.optional(),
  answerAgeMs: milliseconds.optional(),
  firstEventAgeMs: milliseconds.optional(),
  pause: z.object({ condition: z.enum(['rate_limited', 'refusing']), forMs: milliseconds }).optional(),
  breaker: z.object({ forMs: milliseconds }).optional(),
  inFlightMax: limit.optional(),
  perMinuteMax: limit.optional(),
})

/** Parses the news of another process. Skips items that it does not understand, because that process may run another version. */
export function parseNews(news: unknown): HealthNews[] {
  if (!Array.isArray(news)) return []
  return news.flatMap((item: unknown) => {
    const parsed = newsSchema.safeParse(item)
    return parsed.success ? [parsed.data] : []
  })
}
