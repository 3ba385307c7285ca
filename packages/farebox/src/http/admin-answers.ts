import { z } from 'zod'
import { credits, decimal, fraction, time, timeOrNever } from './answer-fields.ts'

// What the API answers to the admin token. `answers.ts` has what it answers to an account's API key.

const shownOnce = z
  .string()
  .optional()
  .describe('The key itself, which is shown only once. Absent if the first answer was lost and this is a repeat of it')

export const accountPage = z.object({
  accounts: z.array(
    z.object({
      account_id: z.string(),
      name: z.string(),
      balance: credits,
      balance_exact: fraction,
      held: credits,
      held_exact: fraction,
      available: credits,
      available_exact: fraction,
      frozen: z.literal(true).optional().describe('Present while the account is frozen and takes no new work'),
    }),
  ),
  next_cursor: z.string().nullable().describe('The cursor of the next page. null on the last page'),
})

export const createdAccount = z.object({ account_id: z.string() })

export const granted = z.object({
  grant_id: z.string(),
  credit_balance: credits.describe('Whole credits, right after the grant'),
})

export const revokedGrant = z.object({
  grant_id: z.string(),
  credits_revoked: decimal.describe('Credits, as an exact decimal: what nobody had spent, and no open hold had set aside'),
  credit_balance: credits.describe('Whole credits, right after the revocation'),
})

export const chargedBack = z.object({
  grant_id: z.string(),
  credits_recovered: decimal.describe('Credits, as an exact decimal: the unspent part, which was taken back'),
  credits_owed: decimal.describe(
    'Credits, as an exact decimal: the spent part, which the account owes now. Its next grants for every service repay it first',
  ),
  credit_balance: credits.describe('Whole credits, right after the chargeback: below zero if the account owes more than it has'),
})

export const refunded = z.object({
  refund_id: z.string().describe('The usage record that corrects the one that was refunded'),
  usage_id: z.string(),
  credits_refunded: decimal,
  credits_refundable: decimal.describe('Credits, as an exact decimal: what is left of the charge, and can still be given back'),
  credit_balance: credits.describe('Whole credits, right after the refund'),
})

export const frozenAccount = z.object({ account_id: z.string(), frozen: z.boolean() })

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
