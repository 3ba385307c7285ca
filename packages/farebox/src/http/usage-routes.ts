import { formatCredits } from '@farebox/core'
import { NotFoundError } from '@farebox/ledger'
import { z } from 'zod'
import type { Farebox } from '../farebox.ts'
import { chargedJson } from '../receipt.ts'
import type { UsageFilter } from '../usage-report.ts'
import { keyUsageReport, recommendationReport, usageReport, usageSeries } from './answers.ts'
import { placeText, readCursor, writeCursor } from './cursor.ts'
import { instantJson } from './instant-json.ts'
import { type Route, readRoute } from './route.ts'
import { emptyQuery, seriesQuery, usageQuery } from './schemas.ts'

/** Where a page of the series ended: the start of its last bucket, and the last name in it. */
const seriesPlace = z.tuple([z.number().int().min(0), placeText.nullable()])

/** Routes that report where credits went, and where they could be saved. */
export const usageRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/api/v1/usage',
    operationId: 'getUsage',
    tag: 'usage',
    summary: 'Report where credits went, by workflow and by service',
    query: usageQuery,
    answer: usageReport,
    handle: async ({ box, accountId, query }) => box.usage(await usageFilterOf(box, accountId, query)),
  }),

  readRoute({
    method: 'get',
    path: '/api/v1/usage/series',
    operationId: 'getUsageSeries',
    tag: 'usage',
    summary: 'Report where credits went over time, by hour, day, week or month',
    query: seriesQuery,
    answer: usageSeries,
    async handle({ box, accountId, query }) {
      const { granularity, group_by, limit } = query
      const list = ['series', accountId, granularity, group_by]
      const place = readCursor(list, seriesPlace, query.cursor)
      const { from, to, entries, next } = await box.ledger.usageSeries({
        ...(await usageFilterOf(box, accountId, query)),
        granularity,
        groupBy: group_by,
        limit,
        ...(place && { after: { startsAt: place[0], name: place[1] } }),
      })
      return {
        granularity,
        group_by,
        from: instantJson(from),
        to: instantJson(to),
        series: entries.map(({ startsAt, name, charged, records }) => ({
          starts_at: instantJson(startsAt),
          name,
          total_credits: chargedJson(charged),
          total_credits_exact: formatCredits(charged),
          usage_count: records,
        })),
        next_cursor: writeCursor(list, next && [next.startsAt, next.name]),
      }
    },
  }),

  readRoute({
    method: 'get',
    path: '/api/v1/usage/recommendations',
    operationId: 'getRecommendations',
    tag: 'usage',
    summary: 'Recommend changes of configuration that would have saved credits',
    query: usageQuery,
    answer: recommendationReport,
    handle: async ({ box, accountId, query, signal }) =>
      box.recommendations({ ...(await usageFilterOf(box, accountId, query)), signal }),
  }),

  readRoute({
    method: 'get',
    path: '/api/v1/usage/keys/:prefix',
    operationId: 'getKeyUsage',
    tag: 'usage',
    summary: 'Report where the credits of one key went',
    query: emptyQuery,
    answer: keyUsageReport,
    async handle({ box, accountId, parameters }) {
      const prefix = parameters.prefix ?? ''
      const report = await box.keyUsage(accountId, prefix)
      if (!report) throw new NotFoundError('API_KEY_NOT_FOUND', prefix)
      return report
    },
  }),
]

/** @throws {NotFoundError} the account has no key with that prefix */
async function usageFilterOf(box: Farebox, accountId: string, query: z.output<typeof usageQuery>): Promise<UsageFilter> {
  return {
    accountId,
    from: query.from,
    to: query.to,
    service: query.service,
    provider: query.provider,
    workflowName: query.workflow_name,
    userId: query.user_id,
    apiKeyId: await apiKeyIdOf(box, accountId, query.api_key),
  }
}

/** The id of the key with a prefix. @throws {NotFoundError} the account has no such key */
export async function apiKeyIdOf(box: Farebox, accountId: string, prefix: string | undefined): Promise<string | undefined> {
  if (prefix === undefined) return undefined
  const key = await box.ledger.apiKey(prefix)
  if (!key || key.accountId !== accountId) throw new NotFoundError('API_KEY_NOT_FOUND', prefix)
  return key.apiKeyId
}
