import { randomUUID } from 'node:crypto'
import { credits, formatCredits, isFareboxError, microCredits } from '@farebox/core'
import type { Farebox } from 'farebox'
import type { Account } from './account.ts'
import { isBoxGone, send } from './callers.ts'
import type { Dice } from './dice.ts'
import { ADMIN } from './serve.ts'

const DAY_MS = 86_400_000

/** Does one thing that an operator does to an account, half of it over the API, twice under one key. Returns what should not be. */
export async function operate(box: Farebox, account: Account, dice: Dice, url: () => Promise<string>): Promise<string[]> {
  const { accountId } = account
  const now = box.now()
  const faults: string[] = []
  const admin = async (path: string, body: Record<string, unknown>): Promise<Record<string, string> | undefined> => {
    const request = { path: `/api/v1/admin/${path}`, secret: ADMIN, body, headers: { 'idempotency-key': randomUUID() } }
    const answer = await send(await url(), request)
    const again = await send(await url(), request)
    if (answer.status >= 500 || again.status !== answer.status)
      faults.push(`${path} answered ${answer.status} ${answer.text}, then ${again.status} ${again.text}`)
    return answer.status < 300 ? (answer.json as Record<string, string>) : undefined
  }
  const grant = async (more: object) => {
    const { grantId } = await box.ledger.grant({ accountId, amount: credits(dice.whole(1, 900)), ...more })
    account.grantIds.push(grantId)
  }
  const acts: Record<string, () => Promise<unknown>> = {
    async grant() {
      const expiry = dice.chance(0.5) ? { expires_at: new Date(now + dice.whole(1, 2 * DAY_MS)).toISOString() } : {}
      const made = await admin('grants', { account_id: accountId, credits: dice.whole(1, 900), ...expiry })
      if (made?.grant_id) account.grantIds.push(made.grant_id)
    },
    later: () => grant({ effectiveAt: now + dice.whole(1, DAY_MS), expiresAt: now + DAY_MS + dice.whole(1, DAY_MS) }),
    forServices: () => grant({ services: [dice.pick(['gpt', 'phone', 'voice_stt'])], priority: dice.pick([1, 100]) }),
    rollover: () => grant({ expiresAt: now + dice.whole(1, DAY_MS), rollover: { times: 2, max: credits(dice.whole(1, 100)) } }),
    async refund() {
      const usages = (await usageOf(box, account)).filter((row) => account.told.has(row.workflowId ?? '') && row.charged > 0n)
      if (usages.length === 0) return
      const { usageId, charged } = dice.pick(usages)
      if (account.adjusted.has(usageId)) return
      const part = dice.chance(0.5) ? { credits: formatCredits(microCredits(charged / BigInt(dice.whole(2, 4)) || 1n)) } : {}
      const made = await admin('refunds', { account_id: accountId, usage_id: usageId, ...part })
      if (made?.credits_refunded)
        account.refunded.set(usageId, (account.refunded.get(usageId) ?? 0n) + credits(made.credits_refunded))
    },
    async adjust() {
      const usages = (await usageOf(box, account)).filter((row) => account.told.has(row.workflowId ?? ''))
      if (usages.length === 0) return
      const { usageId } = dice.pick(usages)
      if (account.refunded.has(usageId)) return
      account.adjusted.add(usageId)
      await box.ledger.adjust({ accountId, usageId, charge: credits(dice.whole(0, 30)) })
    },
    revoke: () => admin(`grants/${dice.pick(account.grantIds)}/revoke`, { account_id: accountId }),
    async chargeback() {
      if (dice.chance(0.7)) return
      account.mayOwe = true
      await admin(`grants/${dice.pick(account.grantIds)}/chargeback`, { account_id: accountId, reason: 'fraud' })
    },
    freeze: () => admin(`accounts/${accountId}/${dice.pick(['freeze', 'unfreeze'])}`, {}),
    async budget() {
      const whose = dice.pick<object>([{}, { user_id: 'u1' }, { service_type: 'gpt' }, { key_prefix: account.keys[0]?.prefix }])
      await admin('budgets', {
        account_id: accountId,
        period: dice.pick(['minute', 'hour', 'day', 'week', 'month', 'total']),
        credits: dice.whole(50, 2_000),
        ...whose,
      })
    },
    async key() {
      const made = await admin('keys', { account_id: accountId, ...(dice.chance(0.5) && { user_id: 'u1' }) })
      if (made?.key && made.prefix) account.keys.push({ secret: made.key, prefix: made.prefix })
    },
    async revokeKey() {
      // The first one stays, for the checks to ask with.
      const [key] = account.keys.splice(1, 1)
      if (key) await admin(`keys/${key.prefix}/revoke`, {})
    },
    alerts: () => box.ledger.setAlerts({ accountId, balanceLow: credits(50) }),
    sweep: () => box.ledger.sweep(),
    async close() {
      const workflowId = account.open.shift()
      if (workflowId === undefined) return
      const workflow = box.workflow({ accountId, name: 'job', workflowId, isOpened: true })
      const closed = await workflow.close()
      if ((await workflow.close()).total_credits_used !== closed.total_credits_used) faults.push(`${workflowId} closed twice`)
    },
    async forget() {
      // A host's own hold, which expires by itself.
      await box.ledger.placeHold({ accountId, service: 'gpt', provider: 'x', amount: credits(dice.whole(1, 40)), ttlMs: 1_000 })
    },
  }
  const name = dice.pick(Object.keys(acts))
  try {
    await acts[name]?.()
  } catch (error) {
    if (!isFareboxError(error) && !isBoxGone(error))
      faults.push(`${name} threw ${error instanceof Error ? error.stack : String(error)}`)
  }
  return faults
}

async function usageOf(box: Farebox, { accountId }: Account) {
  const rows = []
  for await (const page of box.ledger.history.usage({ accountId })) rows.push(...page)
  return rows.filter(({ corrects }) => corrects === null)
}
