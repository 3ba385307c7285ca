import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { credits, formatCredits, isFareboxError, microCredits } from '@farebox/core'
import type { GrantInput, UsageRow } from '@farebox/ledger'
import type { Farebox } from 'farebox'
import type { Account, Granted } from './account.ts'
import { isBoxGone, send } from './callers.ts'
import type { Dice } from './dice.ts'
import { ZONES } from './local-days.ts'
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
    // A refusal for want of credits is not kept: the next try may be affordable, and is the one that counts.
    const isAlike = again.status === answer.status || (answer.status === 402 && again.status < 300)
    if (answer.status >= 500 || !isAlike)
      faults.push(`${path} answered ${answer.status} ${answer.text}, then ${again.status} ${again.text}`)
    const counts = answer.status < 300 ? answer : again
    return counts.status < 300 ? (counts.json as Record<string, string>) : undefined
  }
  const grant = async (more: Partial<GrantInput>) => {
    const asked = { amount: credits(dice.whole(1, 900)), ...more }
    const { grantId } = await box.ledger.grant({ accountId, ...asked })
    account.grants.set(grantId, asked as Granted)
  }
  const someGrant = () => dice.pick([...account.grants.keys()])
  const whose = () =>
    dice.pick<{ userId?: string; apiKeyId?: string; service?: string }>([
      {},
      { userId: dice.pick(['u1', 'u2']) },
      { service: 'gpt' },
      { apiKeyId: dice.pick(account.keys).apiKeyId },
      { apiKeyId: dice.pick(account.keys).apiKeyId, service: dice.pick(['gpt', 'phone', 'voice_stt']) },
      { userId: 'u1', service: dice.pick(['gpt', 'phone', 'voice_stt']) },
    ])
  const acts: Record<string, () => Promise<unknown>> = {
    async grant() {
      const expiresAt = dice.chance(0.5) ? now + dice.whole(1, 2 * DAY_MS) : undefined
      const expiry = expiresAt === undefined ? {} : { expires_at: new Date(expiresAt).toISOString() }
      const amount = dice.whole(1, 900)
      const made = await admin('grants', { account_id: accountId, credits: amount, ...expiry })
      if (made?.grant_id)
        account.grants.set(made.grant_id, { amount: credits(amount), ...(expiresAt !== undefined && { expiresAt }) })
    },
    later: () => grant({ effectiveAt: now + dice.whole(1, DAY_MS), expiresAt: now + DAY_MS + dice.whole(1, DAY_MS) }),
    forServices: () => grant({ services: [dice.pick(['gpt', 'phone', 'voice_stt'])], priority: dice.pick([1, 100]) }),
    /** It expires while holds are open on it, or soon after. */
    brief: () =>
      grant({
        expiresAt: now + dice.whole(2, 90_000),
        priority: dice.pick([0, 100, 200]),
        ...(dice.chance(0.3) && { services: ['gpt'] }),
      }),
    briefRollover: () =>
      grant({
        expiresAt: now + dice.whole(2, 90_000),
        priority: 0,
        rollover: { times: 3, ...(dice.chance(0.5) && { max: credits(dice.whole(1, 40)) }) },
      }),
    rollover: () => grant({ expiresAt: now + dice.whole(1, DAY_MS), rollover: { times: 2, max: credits(dice.whole(1, 100)) } }),
    async refund() {
      const usages = (await usageOf(box, account)).filter((row) => isOfJob(account, row) && row.charged > 0n)
      if (usages.length === 0) return
      const { usageId, charged } = dice.pick(usages)
      if (account.adjusted.has(usageId)) return
      const part = dice.chance(0.5) ? { credits: formatCredits(microCredits(charged / BigInt(dice.whole(2, 4)) || 1n)) } : {}
      const made = await admin('refunds', { account_id: accountId, usage_id: usageId, ...part })
      if (made?.credits_refunded)
        account.refunded.set(usageId, (account.refunded.get(usageId) ?? 0n) + credits(made.credits_refunded))
    },
    async adjust() {
      const usages = (await usageOf(box, account)).filter((row) => isOfJob(account, row))
      if (usages.length === 0) return
      const { usageId } = dice.pick(usages)
      if (account.refunded.has(usageId)) return
      account.adjusted.add(usageId)
      await box.ledger.adjust({ accountId, usageId, charge: credits(dice.whole(0, 30)) })
    },
    async refundWorkflow() {
      const workflowId = dice.pick([...account.told.keys(), ''])
      const usages = (await usageOf(box, account)).filter((row) => row.workflowId === workflowId && row.charged > 0n)
      if (usages.some(({ usageId }) => account.adjusted.has(usageId))) return
      for (const { usageId } of usages) account.refunded.set(usageId, account.refunded.get(usageId) ?? 0n)
      if (usages.length === 0) return
      for (const { usageId } of usages) account.perhapsTakenBack.add(usageId)
      await box.workflow({ accountId, name: 'job', workflowId, isOpened: true }).refund('it came to nothing')
      for (const { usageId } of usages) account.takenBack.add(usageId)
    },
    revoke: () => admin(`grants/${someGrant()}/revoke`, { account_id: accountId }),
    async chargeback() {
      if (dice.chance(0.7)) return
      account.mayOwe = true
      await admin(`grants/${someGrant()}/chargeback`, { account_id: accountId, reason: 'fraud' })
    },
    freeze: () => admin(`accounts/${accountId}/${dice.pick(['freeze', 'unfreeze'])}`, {}),
    budgetInZone: () =>
      box.ledger.setBudget({
        accountId,
        ...whose(),
        period: dice.pick(['day', 'week', 'month']),
        timeZone: dice.pick(ZONES),
        limit: credits(dice.pick([0, dice.whole(20, 400), dice.whole(100, 2_000)])),
        mode: dice.pick(['block', 'warn', 'warn']),
        alertsAtPercent: dice.pick([[80, 100], [1], []]),
      }),
    async budget() {
      const whose = dice.pick<object>([{}, { user_id: 'u1' }, { service_type: 'gpt' }, { key_prefix: account.keys[0]?.prefix }])
      await admin('budgets', {
        account_id: accountId,
        period: dice.pick(['minute', 'hour', 'day', 'week', 'month', 'total']),
        credits: dice.whole(50, 2_000),
        mode: dice.pick(['block', 'warn']),
        ...whose,
      })
    },
    async key() {
      const made = await admin('keys', { account_id: accountId, ...(dice.chance(0.5) && { user_id: 'u1' }) })
      const known = made?.prefix === undefined ? undefined : await box.ledger.apiKey(made.prefix)
      if (made?.key && known) account.keys.push({ secret: made.key, prefix: known.prefix, apiKeyId: known.apiKeyId })
    },
    async rotateKey() {
      const key = dice.pick(account.keys)
      const made = await admin(`keys/${key.prefix}/rotate`, dice.chance(0.5) ? { grace_seconds: dice.pick([0, 60]) } : {})
      if (made?.key && made.prefix) Object.assign(key, { secret: made.key, prefix: made.prefix })
    },
    async limitKey() {
      // The first one may do everything, for the checks to ask with.
      const key = dice.pick(account.keys)
      if (key === account.keys[0]) return
      const limit = dice.chance(0.5) ? { cost_limit_per_request: dice.whole(1, 20) } : {}
      const services = ['gpt', 'phone', 'voice_stt', 'voice_tts'].filter(() => dice.chance(0.7))
      await admin(`keys/${key.prefix}/services`, { services: services.map((service_type) => ({ service_type, ...limit })) })
    },
    async revokeKey() {
      // The first one stays, for the checks to ask with.
      const [key] = account.keys.splice(1, 1)
      if (key) await admin(`keys/${key.prefix}/revoke`, {})
    },
    alerts: () =>
      box.ledger.setAlerts({
        accountId,
        ...(dice.chance(0.8) && { balanceLow: credits(dice.whole(1, 900)) }),
        ...(dice.chance(0.5) && { topUp: { at: credits(dice.whole(1, 900)), amount: credits(100) } }),
      }),
    async topUp() {
      const events = await box.ledger.events({ accountId })
      const wanted = events.find(({ type }) => type === 'top_up_needed')
      if (!wanted) return
      if (dice.chance(0.2)) await box.ledger.cancelTopUp({ accountId, topUpId: wanted.id })
      else await grant({ topUpId: wanted.id, ...(dice.chance(0.3) && { effectiveAt: now + dice.whole(1, DAY_MS) }) })
    },
    sweep: () => box.ledger.sweep(),
    async close() {
      const workflowId = account.open.shift()
      if (workflowId === undefined) return
      const workflow = box.workflow({ accountId, name: 'job', workflowId, isOpened: true })
      await workflow.close()
      const sequence = async () => (await box.ledger.statement(accountId, { limit: 1 })).items[0]?.sequence
      // Refunds, late charges and workflows below change a receipt, so only those with nothing between them are alike.
      for (let tries = 0; tries < 10; tries++) {
        const before = await sequence()
        const receipts = [await workflow.close(), await workflow.close()]
        if ((await sequence()) !== before) continue
        if (!isDeepStrictEqual(receipts[0], receipts[1])) faults.push(`${workflowId} closed twice: ${JSON.stringify(receipts)}`)
        break
      }
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

/** Requests are refunded by themselves if they fail, which must stay to be seen. */
function isOfJob(account: Account, { workflowId, usageId }: UsageRow): boolean {
  return account.told.has(workflowId ?? '') || account.charges.has(usageId)
}
