import { z } from 'zod'

// What the API answers to the admin token. `answers.ts` has what it answers to an account's API key.

const credits = z.number().int().describe('Whole credits')
const time = z.string().describe('RFC 3339 time, UTC')
const timeOrNever = time.nullable()
const shownOnce = z
  .string()
  .optional()
  .describe('The key itself, which is shown only once. Absent if the first answer was lost and this is a repeat of it')

export const accountPage = z.object({
  accounts: z.array(z.object({ account_id: z.string(), name: z.string(), balance: credits, held: credits, available: credits })),
  next_cursor: z.string().nullable().describe('The cursor of the next page. null on the last page'),
})

export const createdAccount = z.object({ account_id: z.string() })

export const granted = z.object({ grant_id: z.string(), credit_balance: credits })

export const createdKey = z.object({ key: shownOnce, prefix: z.string().describe('Identifies the key from now on') })

export const keyService = z.object({
  id: z.string(),
  service_type: z.string(),
  provider: z.string().nullable().describe('null: every provider'),
  enabled: z.boolean(),
  cost_limit_per_request: credits.nullable().describe('null: no limit. Rounded down'),
  cost_limit_per_request_exact: z.string().nullable().describe('Credits, as an exact decimal'),
})

export const keySummary = z.object({
  prefix: z.string(),
  name: z.string(),
  user_id: z.string().nullable(),
  services: z.array(keyService).describe('Empty: every service'),
  created_at: time,
  expires_at: timeOrNever,
  revoked_at: timeOrNever,
  last_used_at: timeOrNever.describe('When the key was last used, or up to a minute before; null: never used'),
  previous_prefix: z.string().nullable().describe('The prefix of the secret that the last rotation replaced'),
  previous_expires_at: timeOrNever,
})

export const accountKeys = z.object({ keys: z.array(keySummary) })

export const keyServices = z.object({ prefix: z.string(), services: z.array(keyService) })

export const rotatedKey = z.object({
  key: shownOnce,
  prefix: z.string(),
  previous_prefix: z.string(),
  previous_expires_at: time.describe('When the previous secret expires'),
})

export const revokedKey = z.object({ prefix: z.string(), revoked: z.literal(true) })

export const createdBudget = z.object({ budget_id: z.string() })
