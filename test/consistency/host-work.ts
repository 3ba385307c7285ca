import { randomUUID } from 'node:crypto'
import { type Credits, credits, isFareboxError, microCredits, type Quantity, type Unit } from '@farebox/core'
import type { ChargeOutcome, SettleHoldOutcome, UsageInput } from '@farebox/ledger'
import type { Farebox } from 'farebox'
import { type Account, tellOf } from './account.ts'
import { isBoxGone } from './callers.ts'
import type { Dice } from './dice.ts'

const SERVICES = ['gpt', 'phone', 'voice_stt'] as const
const OVERAGES = ['cap', 'debt', 'reject'] as const

/** Does one thing that a host does with the ledger by itself, and notes what it was told. Returns what should not be. */
export async function workAsHost({ ledger }: Farebox, account: Account, dice: Dice): Promise<string[]> {
  const { accountId } = account
  const faults: string[] = []
  const workflowId = dice.chance(0.5) ? account.open[0] : undefined
  const payer = {
    ...(dice.chance(0.4) && { userId: dice.pick(['u1', 'u2']) }),
    ...(dice.chance(0.4) && { apiKeyId: dice.pick(account.keys).apiKeyId }),
  }
  const work = { accountId, service: dice.pick(SERVICES), provider: 'own', workflowId, ...payer }

  /** Asks twice under one id, which must be answered alike, and charged once. */
  const charged = async (of: string | undefined, usageId: string, ask: () => Promise<ChargeOutcome | SettleHoldOutcome>) => {
    account.charges.set(usageId, undefined)
    const outcome = await ask().catch((error) => {
      // A box that was closed meanwhile may have written it.
      if (of !== undefined && !(isFareboxError(error) && error.code !== 'LEDGER_CLOSED')) account.unsure.add(of)
      throw error
    })
    account.charges.delete(usageId)
    if (outcome.status === 'refused') return
    account.charges.set(usageId, outcome)
    tellOf(account, of, outcome.charged)
    const again = await ask()
    if (again.status === 'refused' || again.charged !== outcome.charged || !again.replayed)
      faults.push(`${usageId} replayed otherwise`)
  }
  const settle = (hold: Account['holds'][number], more: { final?: boolean } = {}) => {
    const usageId = `host-${randomUUID()}`
    const usage = oddUsage(dice)
    const provider = dice.chance(0.2) ? { provider: 'other' } : {}
    return charged(hold.workflowId, usageId, () =>
      ledger.settleHold({ accountId, holdId: hold.holdId, usageId, usage, ...provider, ...more }),
    )
  }
  const extend = ({ holdId }: Account['holds'][number]) =>
    ledger.extendHold({
      accountId,
      holdId,
      ttlMs: dice.whole(1, 600_000),
      ...(dice.chance(0.6) && { amount: someCredits(dice) }),
    })

  const acts: Record<string, () => Promise<unknown>> = {
    async charge() {
      const usageId = `host-${randomUUID()}`
      const usage = oddUsage(dice)
      const overage = dice.pick(OVERAGES)
      await charged(workflowId, usageId, () => ledger.charge({ ...work, usageId, usage, overage }))
    },
    async hold() {
      const ttl = { ttlMs: dice.whole(1, 400_000), graceMs: dice.pick([0, 1_000, 60_000]) }
      const placed = await ledger.placeHold({ ...work, amount: someCredits(dice), overage: dice.pick(OVERAGES), ...ttl })
      if (placed.status === 'refused') return
      const hold = { holdId: placed.holdId, workflowId }
      for (let parts = dice.whole(0, 3); parts > 0; parts--) {
        if (dice.chance(0.4)) await extend(hold)
        else await settle(hold, { final: false })
      }
      const end = dice.pick(['leave', 'release', 'settle', 'settle'])
      if (end === 'leave') account.holds.push(hold)
      else if (end === 'release') await ledger.releaseHold({ accountId, holdId: hold.holdId })
      else await settle(hold)
    },
    /** The clock may have gone on past a hold's life, or the end of a budget's window, or a grant's expiry. */
    async late() {
      const hold = account.holds.shift()
      if (!hold) return
      if (dice.chance(0.3)) await extend(hold)
      if (dice.chance(0.2)) await ledger.releaseHold({ accountId, holdId: hold.holdId })
      await settle(hold, dice.chance(0.3) ? { final: false } : {})
    },
    async reserve() {
      const reserve = someCredits(dice)
      const ceiling = dice.chance(0.5) ? { maxCredits: microCredits(reserve * BigInt(dice.whole(1, 3))) } : {}
      const parent = dice.chance(0.4) && workflowId !== undefined ? { parentId: workflowId } : {}
      const reserveTtlMs = dice.pick([1_000, 300_000, 3_600_000])
      const opened = await ledger.openWorkflow({
        accountId,
        name: 'reserved',
        reserve,
        reserveTtlMs,
        ...ceiling,
        ...parent,
        ...payer,
      })
      if (opened.status === 'refused') return
      account.told.set(opened.workflowId, 0n)
      account.open.unshift(opened.workflowId)
    },
    async openAndClose() {
      const usageId = `host-${randomUUID()}`
      const id = randomUUID()
      const usage = oddUsage(dice)
      account.told.set(id, 0n)
      await charged(id, usageId, () =>
        ledger.charge({
          ...work,
          workflowId: id,
          opensWorkflow: { name: 'at once' },
          closesWorkflow: true,
          usageId,
          usage,
          overage: 'cap',
        }),
      )
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

/** Usage of nothing, of the least there is, of fractions, or of more than anybody can pay. */
function oddUsage(dice: Dice): UsageInput {
  const [quantity, rated] = dice.pick([
    [0n, 0n],
    [1n, 1n],
    [BigInt(dice.whole(1, 90_000_001)), BigInt(dice.whole(1, 30_000_000))],
    [BigInt(dice.whole(1, 90_000_001)), BigInt(dice.whole(1, 30_000_000))],
    [BigInt(dice.whole(1, 90_000_001)), BigInt(dice.whole(1, 3_000_000))],
    [10n ** 15n, 10n ** 15n],
  ])
  return {
    quantity: quantity as Quantity,
    // No provider has a price for these, so a replay under another configuration leaves them as they were.
    unit: dice.pick<Unit>(['requests', 'bytes']),
    rated: microCredits(rated),
    roundingStep: microCredits(dice.pick([1n, 10_000n, 1_000_000n])),
    ...(dice.chance(0.3) && { model: 'own-1' }),
  }
}

function someCredits(dice: Dice): Credits {
  return dice.chance(0.2) ? microCredits(BigInt(dice.whole(1, 2_000_000))) : credits(dice.whole(1, 60))
}
