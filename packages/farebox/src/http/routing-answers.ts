import { z } from 'zod'
import { receipt, serviceConfiguration, workflowListing } from './answers.ts'

// What the API answers about routing: the state of providers, and how they were chosen.

const credits = z.string().describe('Credits, as an exact decimal')
const condition = z.enum(['ok', 'probe', 'rate_limited', 'refusing', 'sick'])
const share = z.number().describe('A share, from 0 to 1')

export const offerStatus = z.object({
  service_type: z.string(),
  provider: z.string(),
  model: z.string(),
  condition,
  answer_ms: z.number().optional(),
  first_event_ms: z.number().optional(),
  error_rate: share.optional(),
  rate_limited_rate: share.optional(),
  samples: z.number().optional(),
  in_flight: z.number().optional(),
  in_flight_max: z.number().optional(),
  per_minute_max: z.number().optional(),
})

export const adapterStatus = z.object({
  adapter: z.string(),
  simulated: z.boolean(),
  availability: z.enum(['ready', 'disabled']),
  reason: z.string().optional().describe('Why it takes no calls. Only for the admin token'),
  concurrency: z.object({ limit: z.number(), running: z.number(), waiting: z.number() }).optional(),
  offers: z.array(offerStatus),
})

export const providerStatusAnswer = z.object({ status: z.enum(['ok', 'degraded']), adapters: z.array(adapterStatus) })

export const routeCandidate = z.object({
  provider: z.string(),
  model: z.string(),
  adapter: z.string(),
  simulated: z.boolean(),
  charge: credits.describe('The expected charge'),
  ceiling: credits.describe('The highest possible charge'),
  cost_usd: z.string().optional().describe('What the provider charges, in dollars. Only for the admin token'),
  latency_ms: z.number(),
  quality: z.number(),
  score: z.number(),
  condition: z.string(),
  error_rate: share.optional(),
  rate_limited_rate: share.optional(),
  why: z.string(),
})

export const routeDecision = z.object({
  usage_id: z.string(),
  service_type: z.string(),
  operation: z.string(),
  answered_by: z.string(),
  decided_at: z.string().nullable(),
  outcome: z.string().describe('planned, or why no provider could serve the call'),
  strategy: z.string().optional(),
  hold: credits.optional(),
  price_version: z.string().optional(),
  configuration: serviceConfiguration.partial().describe('The fields that differed from the balanced preset'),
  conditions_met: z.array(z.number()).optional(),
  expected: z.array(z.string()).describe('What the call was expected to use, such as 1200 tokens input'),
  at_most: z.array(z.string()).describe('What it might use at most'),
  asked_provider: z.string().optional(),
  complexity: z.looseObject({ value: z.string(), by: z.string() }).optional(),
  candidates: z.array(routeCandidate).describe('The first choice first'),
  candidates_omitted: z.number().optional(),
  rejected: z.array(
    z.object({
      provider: z.string(),
      model: z.string(),
      adapter: z.string(),
      reason: z.string(),
      detail: z.string(),
      charge: credits.optional(),
    }),
  ),
  rejected_omitted: z.number().optional(),
  not_offered: z.array(z.string()).optional(),
  exploration: z.object({ candidate: z.number(), instead_of: z.number() }).optional().describe('Indexes into candidates'),
  session: z.object({ candidate: z.number(), is_kept: z.boolean() }).optional(),
})

export const charge = z.object({
  usage_id: z.string().describe('The id of its usage record: name it to refund it'),
  service_type: z.string(),
  provider: z.string(),
  model: z.string().nullable(),
  charged_at: z.string().describe('RFC 3339 time, UTC'),
  credits_charged: credits.describe('Credits, as an exact decimal: what was charged at first'),
  credits_refundable: credits.describe('Credits, as an exact decimal: what is left of that after refunds and adjustments'),
})

export const workflowDetails = receipt.extend({
  ...workflowListing.pick({ state: true, created_at: true, closed_at: true, user_id: true, api_key: true }).shape,
  decisions: z.array(routeDecision).describe('Oldest first'),
  charges: z.array(charge).optional().describe('The latest charges, at most 1,000, oldest first. Only for the admin token'),
})
