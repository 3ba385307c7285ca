import { type Credits, credits, units } from '@farebox/core'
import { budgetPeriods, grantSources, granularities, seriesGroups } from '@farebox/ledger'
import { z } from 'zod'
import { ESTIMATED_UNITS_MAX } from '../estimate-workflow.ts'
import { TIME_END, withinTimes } from '../within-times.ts'
import { CURSOR_WORDS } from './cursor.ts'

export const text = z
  .string()
  .min(1)
  .max(200)
  .refine((value) => value.isWellFormed() && !/\p{Cc}/u.test(value), 'must not hold control characters')
const service = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, 'must be a lower-case service name such as gpt')
const instant = z.iso
  .datetime({ offset: true })
  .transform((value) => Date.parse(value))
  .refine((at) => at >= 0 && at < TIME_END, 'must be a time from 1970 until 2255')
  .describe('RFC 3339 time')
/** One end of a range of time to search. */
const bound = z.iso
  .datetime({ offset: true })
  .transform((value) => withinTimes(Date.parse(value)))
  .describe('RFC 3339 time')

const CREDITS_MAX = 1_000_000_000

/** Credits: a whole number, or a decimal string with at most six decimals. */
export const amount = z
  .union([
    z.number().int().min(0).max(CREDITS_MAX),
    z.string().regex(/^\d{1,10}(\.\d{1,6})?$/, 'must be a decimal with at most six decimals'),
  ])
  .transform((value): Credits => credits(value))
  .refine((value) => value <= credits(CREDITS_MAX), `must be at most ${CREDITS_MAX}`)
const positiveAmount = amount.refine((value) => value > 0n, 'must be above 0')
const count = z.number().min(0).max(ESTIMATED_UNITS_MAX)

const phoneNumber = z.string().regex(/^\+[1-9]\d{6,14}$/, 'must be an E.164 number such as +15551234567')

const message = z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string().min(1).max(400_000) })

/** The fields of a service configuration that differ from its base. `parseServiceConfiguration` checks them against that base. */
export const configurationFields = z.record(z.string(), z.unknown())

export const createAgentBody = z.strictObject({
  business_logic_adapter: text.optional(),
  custom_settings: z.strictObject({ service_configuration: configurationFields.optional() }).optional(),
})

export const chatBody = z
  .strictObject({
    message: z.string().min(1).max(400_000).optional(),
    messages: z.array(message).min(1).max(1_000).optional(),
    workflow_name: text.optional(),
    complexity: z.enum(['low', 'medium', 'high']).optional(),
    accuracy: z.enum(['standard', 'high']).optional(),
    max_output_tokens: z.number().int().min(1).max(100_000).optional(),
    stream: z.boolean().optional().describe('Whether to send the answer as it is produced, as server-sent events'),
  })
  .refine((body) => (body.message === undefined) !== (body.messages === undefined), {
    path: ['message'],
    error: 'give either message or messages',
  })

/** The fields of a form in addition to its recording. */
export const voiceFields = z.object({
  language: z.string().min(2).max(20).optional().describe('ISO 639-1 code of the language that is spoken'),
  voice: text.optional().describe('The voice that answers'),
  workflow_name: text.optional(),
})

export const callBody = z
  .strictObject({
    to: phoneNumber,
    from: phoneNumber.optional(),
    message: z.string().min(1).max(4_000).optional(),
    url: z.url({ protocol: /^https$/ }).optional(),
    max_minutes: z.number().min(1).max(240).default(10),
    workflow_name: text.optional(),
  })
  .refine((body) => (body.message === undefined) !== (body.url === undefined), {
    path: ['message'],
    error: 'give either message or url',
  })

export const openWorkflowBody = z
  .strictObject({
    workflow_name: text,
    business_adapter: text.optional(),
    user_id: text.optional(),
    max_credits: amount.optional(),
    reserve_credits: positiveAmount.optional(),
  })
  // An invalid amount is reported by its own field.
  .refine(
    ({ max_credits: most, reserve_credits: reserve }) =>
      !(typeof most === 'bigint' && typeof reserve === 'bigint') || reserve <= most,
    {
      path: ['reserve_credits'],
      error: 'must not be above max_credits',
    },
  )

export const usageBody = z.strictObject({
  service_type: service,
  provider: text,
  units_consumed: z.union([count, z.string().regex(/^\d{1,12}(\.\d{1,6})?$/, 'must be a decimal with at most six decimals')]),
  unit_type: z.enum(units),
  to: phoneNumber.optional().describe('For phone calls: the number called, if the price depends on it'),
  from: phoneNumber.optional().describe('For phone calls: the number called from'),
  call: text
    .optional()
    .describe('Identifies a call that is recorded in slices, so that all of them together cost what the whole call would'),
})

export const emptyBody = z.strictObject({})

export const estimateBody = z
  .strictObject({
    ai_tokens: count.optional(),
    voice_minutes: count.optional(),
    tts_characters: count.optional(),
    phone_minutes: count.optional(),
    messages: z
      .array(message)
      .min(1)
      .max(1_000)
      .optional()
      .describe('A conversation, instead of ai_tokens: the server counts its tokens'),
    max_output_tokens: z.number().int().min(1).max(100_000).optional(),
    tts_text: z
      .string()
      .min(1)
      .max(400_000)
      .optional()
      .describe('A text, instead of tts_characters: the server counts its characters'),
    service_configuration: configurationFields.optional(),
  })
  .refine((body) => body.ai_tokens === undefined || body.messages === undefined, {
    path: ['messages'],
    error: 'give either messages or ai_tokens',
  })
  .refine((body) => body.tts_characters === undefined || body.tts_text === undefined, {
    path: ['tts_text'],
    error: 'give either tts_text or tts_characters',
  })

const range = { from: bound.optional(), to: bound.optional().describe('RFC 3339 time, exclusive') }
/** Whether `from` is before `to`. An invalid time is reported by its own field. */
const isRange = ({ from = 0, to }: { from?: number; to?: number }) =>
  typeof from !== 'number' || typeof to !== 'number' || from < to
const AFTER_FROM = { path: ['to'], error: 'must be after from' }
const apiKey = text.optional().describe('The prefix of a key')
const cursor = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,2000}$/, CURSOR_WORDS)
  .optional()
const limit = (most: number) => z.coerce.number().int().min(1).max(most).default(100)

const usageFilter = {
  ...range,
  service: service.optional(),
  provider: text.optional(),
  workflow_name: text.optional(),
  api_key: apiKey,
  user_id: text.optional(),
}

export const usageQuery = z.strictObject(usageFilter).refine(isRange, AFTER_FROM)

export const seriesQuery = z
  .strictObject({
    granularity: z.enum(granularities).default('day'),
    group_by: z.enum(seriesGroups).default('none'),
    ...usageFilter,
    limit: z.coerce.number().int().min(1).max(10_000).default(1_000),
    cursor,
  })
  .refine(isRange, { path: ['from'], error: 'must be before to' })

export const workflowsQuery = z
  .strictObject({
    ...range,
    workflow_name: text.optional(),
    state: z.enum(['open', 'closed']).optional(),
    api_key: apiKey,
    user_id: text.optional(),
    limit: limit(1_000),
    cursor,
  })
  .refine(isRange, AFTER_FROM)

export const accountsQuery = z.strictObject({ limit: limit(1_000), cursor })

export const emptyQuery = z.strictObject({})

export const statementQuery = z.strictObject({
  cursor,
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
})

export const exportQuery = z
  .strictObject({
    format: z.enum(['csv', 'focus', 'jsonl', 'cloudevents']).default('csv'),
    kind: z.enum(['usage', 'purchases']).default('usage'),
    ...range,
  })
  .refine(isRange, AFTER_FROM)

export const adminExportQuery = exportQuery.safeExtend({
  account_id: text.optional().describe('The account to export. If absent, every account'),
})

export const createAccountBody = z.strictObject({ name: text, credits: amount.optional() })

export const grantBody = z.strictObject({
  account_id: text,
  credits: positiveAmount,
  source: z.enum(grantSources).default('purchase'),
  priority: z.number().int().optional(),
  effective_at: instant.optional(),
  expires_at: instant.optional(),
  services: z.array(service).min(1).optional(),
})

const reason = text.optional().describe('Why, for the record')

export const refundBody = z.strictObject({
  account_id: text,
  usage_id: text.describe('The usage record whose charge to give back'),
  credits: positiveAmount.optional().describe('How much to give back. If absent, all that is left of the charge'),
  reason,
})

export const revokeGrantBody = z.strictObject({ account_id: text })

export const chargebackBody = z.strictObject({ account_id: text, reason })

export const freezeBody = z.strictObject({ reason })

const keyService = z.union([
  service.transform((service_type) => ({ service_type })),
  z.strictObject({
    service_type: service,
    provider: text.optional(),
    enabled: z.boolean().optional(),
    cost_limit_per_request: amount.optional(),
  }),
])

export const createKeyBody = z.strictObject({
  account_id: text,
  name: text.optional(),
  user_id: text.optional(),
  services: z.array(keyService).min(1).optional(),
  expires_at: instant.optional(),
})

export const rotateKeyBody = z.strictObject({
  grace_seconds: z
    .number()
    .int()
    .min(0)
    .max(31_536_000)
    .optional()
    .describe('How many seconds the previous secret stays valid: 0 if it has leaked. If absent, 24 hours'),
})

export const keyServicesBody = z.strictObject({
  services: z.array(keyService),
})

export const budgetBody = z.strictObject({
  account_id: text,
  period: z.enum(budgetPeriods),
  credits: amount,
  service_type: service.optional(),
  user_id: text.optional(),
  key_prefix: text.optional(),
  mode: z.enum(['block', 'warn']).default('block'),
  time_zone: text
    .optional()
    .describe('IANA name of the zone in which days, weeks and months begin, such as Europe/Berlin. Default: UTC'),
  alerts_at_percent: z
    .array(z.number().int().min(1).max(100))
    .max(20)
    .optional()
    .describe('Shares of the limit at which its account is alerted. Default: 80 and 100'),
})
