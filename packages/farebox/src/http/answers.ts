import { units } from '@farebox/core'
import { budgetPeriods, grantSources, granularities, seriesGroups } from '@farebox/ledger'
import { serviceConfigurationSchema } from '@farebox/router'
import { z } from 'zod'
import { keySummary } from './admin-answers.ts'
import { credits, decimal, fraction, time, timeOrNever } from './answer-fields.ts'

// What the API answers to an account's API key. Each schema types its handler and documents it in OpenAPI, and the tests check
// every real answer against it. Answers may gain fields, so their readers must accept unknown ones.

const serviceType = z.string().describe('The wire name of a service, such as gpt')
const unitType = z.enum(units)
const seconds = z.number().describe('Seconds')

export const serviceConfiguration = z.object(serviceConfigurationSchema.required().shape)

export const serviceUsed = z.object({
  service_type: serviceType,
  provider: z.string(),
  units_consumed: z.number(),
  unit_type: unitType,
  credits_used: credits,
  credits_used_exact: fraction,
})

export const attemptUsed = z.object({
  attempt_id: z.string(),
  service_type: serviceType,
  provider: z.string(),
  model: z.string(),
  adapter: z.string(),
  outcome: z.string().describe('succeeded, failed, cut, left or lost'),
  cause: z.string().describe('first, retry, fallback, hedge or continuation'),
  reason: z.string().describe('Why this provider was asked'),
  error: z.string().optional().describe('The kind of failure, if it failed: timeout, rate_limited, …'),
  certainty: z.string().optional().describe('How certain its usage is: exact, derived, floor or ceiling'),
  credits_used: credits,
  credits_used_exact: fraction,
  cost_usd: z.string().optional().describe('What its provider charges, in dollars. Only for the admin token'),
  started_at: time,
  duration: seconds,
})

export const receipt = z.object({
  workflow_id: z.string(),
  workflow_name: z.string(),
  services_used: z.array(serviceUsed),
  total_credits_used: credits,
  total_credits_used_exact: fraction,
  price_versions: z.array(z.string()).optional().describe('The price books, with their versions, that rated it'),
  attempts: z
    .array(attemptUsed)
    .optional()
    .describe('The attempts in order: which provider was asked, why, and how it ended. Absent if nothing was routed'),
  shortfall: credits.optional().describe('Credits that were due but could not be collected. Absent if there were none'),
  shortfall_exact: fraction,
  duration: seconds.describe('Seconds from opening to closing, or until now if it is still open'),
})

export const agent = z.object({
  agent_id: z.string(),
  business_logic_adapter: z.string().nullable(),
  service_configuration: serviceConfiguration,
})

/** The fields of every agent's answer. */
const ofAgent = {
  receipt,
  simulated: z.literal(true).optional().describe('Present if a simulated provider made up the answer'),
}

export const chatAnswer = z.object({
  text: z.string(),
  provider: z.string().describe('The wire name of the provider that answered'),
  ...ofAgent,
})

/** An event of an agent's streamed answer. */
export const chatEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string().describe('The next piece of the text') }),
  z.object({ type: z.literal('finish'), provider: z.string(), ...ofAgent }),
])

export const voiceAnswer = z.object({
  transcript: z.string().describe('What was said to the agent'),
  text: z.string().describe('What the agent answered'),
  audio: z.string().describe('The spoken answer, in Base64'),
  audio_format: z.string(),
  ...ofAgent,
})

export const callAnswer = z.object({ call_id: z.string(), status: z.string(), duration_seconds: seconds, ...ofAgent })

export const openedWorkflow = z.object({ workflow_id: z.string() })

export const usageCharged = z.object({ credits_used: credits, credits_used_exact: fraction, credit_balance: credits })

export const estimatedService = z.object({
  service_type: serviceType,
  provider: z.string().describe('The provider that is asked first'),
  units: z.number(),
  unit_type: unitType,
  credits: credits.describe('The expected cost: with the provider that is asked first'),
  credits_exact: fraction,
  credits_low: credits.describe('The lowest cost: with the cheapest provider that the configuration names'),
  credits_low_exact: fraction,
  credits_high: credits.describe('The highest cost: with the most expensive provider that the configuration names'),
  credits_high_exact: fraction,
})

export const estimate = z.object({
  services: z.array(estimatedService),
  total_credits: credits,
  total_credits_exact: fraction,
  total_credits_low: credits,
  total_credits_low_exact: fraction,
  total_credits_high: credits,
  total_credits_high_exact: fraction,
  price_version: z.string(),
})

export const serviceBreakdown = z.object({
  name: z.string().describe('Service and provider together: phone_twilio'),
  service_type: serviceType,
  provider: z.string(),
  units_consumed: z.number(),
  unit_type: unitType,
  usage_count: z.number().int(),
  total_credits: credits,
  total_credits_exact: fraction,
})

export const usageReport = z.object({
  total_credits: credits,
  total_credits_exact: fraction,
  workflow_breakdown: z.record(
    z.string(),
    z.object({ count: z.number().int(), total_credits: credits, total_credits_exact: fraction, avg_duration: seconds }),
  ),
  service_breakdown: z.array(serviceBreakdown),
})

export const keyUsageReport = z.object({
  api_key: z.string().describe('The prefix of the key'),
  total_credits: credits,
  total_credits_exact: fraction,
  workflows_used: z.record(
    z.string(),
    z.object({ count: z.number().int(), total_credits: credits, total_credits_exact: fraction }),
  ),
  top_consuming_services: z.array(serviceBreakdown).describe('The most expensive first'),
})

export const recommendation = z.object({
  workflow_name: z.string(),
  change: z.record(z.string(), z.unknown()).describe('What to change: fields of a service configuration, or `{ preset }`'),
  service_type: serviceType,
  from_provider: z.string(),
  to_provider: z.string(),
  units_consumed: z.number(),
  unit_type: unitType,
  credits_used: credits,
  credits_saved: credits,
  share_saved: z.number().describe('The saving as a share of credits_used, from 0 to 1'),
  workflows: z.number().int(),
  calls: z.number().int(),
  calls_changed: z.number().int().describe('How many calls would move to another provider'),
  confidence: z.enum(['high', 'medium', 'low']),
  message: z.string(),
  assumptions: z.array(z.string()),
})

export const recommendationReport = z.object({
  from: time,
  to: time,
  workflows: z.number().int(),
  calls: z.number().int(),
  is_complete: z.boolean().describe('Whether all workflows of that time were examined; otherwise only the newest'),
  recommendations: z.array(recommendation),
})

export const grant = z.object({
  grant_id: z.string(),
  source: z.enum(grantSources),
  priority: z.number().int().describe('Lower numbers are spent first'),
  credits,
  credits_exact: fraction,
  remaining: credits,
  remaining_exact: fraction,
  state: z.string(),
  effective_at: time,
  expires_at: timeOrNever,
  services: z.array(z.string()).nullable().describe('The services it may pay for. null: every service'),
})

export const accountCredits = z.object({
  credit_balance: credits,
  credit_balance_exact: fraction,
  held: credits,
  held_exact: fraction,
  available: credits.describe('The balance less what is held: what new work may use'),
  available_exact: fraction,
  frozen: z.literal(true).optional().describe('Present while the account is frozen and takes no new work'),
  grants: z.array(grant),
})

export const statementEntry = z.object({
  sequence: z.number().int(),
  at: time,
  type: z.string(),
  change: decimal.describe('How much it changed the balance'),
  balance: decimal.describe('The balance after it'),
  postings: z.record(z.string(), decimal).describe('The change of each bucket that it touched. They sum to zero'),
  hash: z.string(),
})

export const statementPage = z.object({
  entries: z.array(statementEntry),
  next: z.string().optional().describe('The cursor of the next page. Absent on the last page'),
})

export const price = z.object({
  service_type: serviceType,
  provider: z.string(),
  model: z.string().optional(),
  meter: z.string().optional(),
  credits: decimal.describe('Credits per `per` units. With `rules.tiers`: of the first tier'),
  per: z.union([z.number(), z.string()]),
  unit_type: unitType,
  rules: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Increments, tiers, fees, windows and other rules, as in the price book'),
})

export const priceList = z.object({ price_version: z.string(), prices: z.array(price) })

export const workflowListing = z.object({
  workflow_id: z.string(),
  workflow_name: z.string(),
  state: z.enum(['open', 'closed']),
  total_credits_used: credits,
  total_credits_used_exact: fraction,
  held: credits,
  held_exact: fraction,
  created_at: time,
  closed_at: timeOrNever,
  user_id: z.string().nullable(),
  api_key: z.string().nullable().describe('The prefix of the key that opened it'),
  parent_workflow_id: z
    .string()
    .optional()
    .describe('The workflow that it was opened below, whose credits include its own. Absent if there is none'),
})

const nextCursor = z.string().nullable().describe('The cursor of the next page. null on the last page')

export const workflowPage = z.object({ workflows: z.array(workflowListing), next_cursor: nextCursor })

export const usageSeriesEntry = z.object({
  starts_at: time,
  name: z.string().nullable(),
  total_credits: credits.describe('Whole credits, rounded up'),
  total_credits_exact: decimal,
  usage_count: z.number().int(),
})

export const usageSeries = z.object({
  granularity: z.enum(granularities),
  group_by: z.enum(seriesGroups),
  from: time,
  to: time,
  series: z.array(usageSeriesEntry).describe('Ordered by time, then by name. Empty buckets are left out'),
  next_cursor: nextCursor,
})

export const budget = z.object({
  budget_id: z.string(),
  user_id: z.string().nullable(),
  api_key: z.string().nullable().describe('The prefix of the key that it limits'),
  service_type: serviceType.nullable(),
  period: z.enum(budgetPeriods),
  time_zone: z.string(),
  mode: z.enum(['block', 'warn']),
  limit: credits.describe('Whole credits, rounded down'),
  used: credits.describe('Whole credits, rounded up'),
  limit_exact: decimal,
  used_exact: decimal,
  window: z.object({ starts_at: time, ends_at: timeOrNever }),
  resets_at: timeOrNever,
})

export const budgetList = z.object({ budgets: z.array(budget) })

export const ownKeys = z.object({ keys: z.array(keySummary.extend({ budgets: z.array(budget) })) })

export const health = z.object({ status: z.literal('ok') })

export const readiness = z.object({
  status: z.literal('ok'),
  providers: z.array(
    z.object({
      name: z.string(),
      simulated: z.boolean(),
      status: z.string(),
      reason: z.string().optional().describe('Why it takes no calls. Only for the admin token'),
    }),
  ),
})

/** An OpenAPI document. Its content is for OpenAPI to define. */
export const openapiAnswer = z.looseObject({ openapi: z.string() })

export const problem = z.looseObject({
  type: z.string().describe('urn:farebox:problem:…'),
  title: z.string(),
  status: z.number().int(),
  code: z.string().describe('A stable code, such as INSUFFICIENT_CREDITS'),
  detail: z.string(),
  errors: z
    .array(z.object({ field: z.string(), problem: z.string() }))
    .optional()
    .describe('For 422: the fields that were wrong, and what each must be'),
  needed: decimal.optional().describe('For 402: the credits that were needed'),
  available: decimal.optional().describe('For 402: the credits that were available'),
  limit: z
    .union([z.string(), z.number()])
    .optional()
    .describe('For 402: the limit of one request, in credits. For 429: the limit that was reached'),
  limit_name: z.string().optional().describe('For 429: the name of that limit, such as requests_per_minute_per_key'),
  unit: z.enum(['tokens', 'characters']).optional().describe('For REQUEST_TOO_LONG: the unit that measures the request'),
  length: z
    .number()
    .optional()
    .describe('For REQUEST_TOO_LONG: the predicted length of the request. For a chat, it includes the answer'),
  most: z.number().optional().describe('For REQUEST_TOO_LONG: the greatest length accepted'),
  kind: z
    .string()
    .optional()
    .describe(
      'For REQUEST_REJECTED: the last provider’s reason, invalid_request, content_policy, context_too_long or unsupported',
    ),
  parameter: z
    .string()
    .optional()
    .describe('For REQUEST_REJECTED: the parameter that the last provider found wrong, as it names it'),
  refundable: decimal.optional().describe('For REFUND_EXCEEDS_CHARGE: the credits that are left to give back'),
  budget_id: z.string().optional().describe('For 402: the budget that was too small'),
  resets_at: time.optional().describe('When that budget resets'),
  differs: z
    .array(z.string())
    .optional()
    .describe('For 409: the fields in which this request differs from the first one under its idempotency key'),
  retry_after: z.number().int().optional().describe('Seconds to wait before trying again'),
})
