import { type Credits, microCredits, microUnits, nanoUsd } from '@farebox/core'
import type { LinesSoFar, NewWorkflow } from '../../packages/ledger/src/inputs.ts'
import type { Operation, Operations, RatedUsage, Verb } from '../../packages/ledger/src/operations.ts'
import { budgetPeriods, grantSources, overagePolicies } from '../../packages/ledger/src/rows.ts'
import type { Choices } from './choices.ts'
import type { ReferenceAccount } from './reference-account.ts'
import type { ReferenceLedger } from './reference-ledger.ts'

/** How often each verb is called, of a hundred or so. */
const weights = {
  grant: 9,
  placeHold: 22,
  settleHold: 22,
  charge: 10,
  extendHold: 5,
  releaseHold: 4,
  refund: 6,
  adjust: 4,
  openWorkflow: 5,
  closeWorkflow: 3,
  setBudget: 3,
  revokeGrant: 2,
  chargeback: 1,
  setAlerts: 4,
  cancelTopUp: 1,
  freezeAccount: 1,
  createApiKey: 1,
  rotateApiKey: 1,
  revokeApiKey: 1,
  setKeyServices: 1,
  noteKeyUse: 1,
  saveDocument: 1,
  replaceDocument: 1,
  advance: 1,
} satisfies Partial<Record<Verb, number>>
const verbs = Object.entries(weights).flatMap(([verb, weight]) => Array<string>(weight).fill(verb)) as (keyof typeof weights)[]

/** What the journal does not tell. */
const isSilent: ReadonlySet<string> = new Set<Verb>(['advance', 'noteKeyUse', 'replaceDocument'])
/** What makes nothing that has an id. */
const isNameless: ReadonlySet<string> = new Set([
  ...isSilent,
  'extendHold',
  'setBudget',
  'setAlerts',
  'freezeAccount',
  'setKeyServices',
])

const SERVICES = ['gpt', 'phone'] as const
const USERS = ['ada', 'bob'] as const
const KEYS = ['k0', 'k1'] as const
const ZONES = ['UTC', 'UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'Asia/Katmandu', 'America/St_Johns'] as const
const UNITS = ['tokens', 'minutes'] as const
/** Milliseconds; some beyond the windows of budgets. */
const SPANS = [1, 1_000, 61_000, 3_600_000, 3_600_000, 90_000_000, 180_000_000] as const
/** How long the world waits before the next step: mostly not at all, sometimes for a day, sometimes its clock is set back. */
const WAITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 5, 5, 5, 700, 700, 700, 30_000, 61_000, 900_000, 90_000_000, -400, -70_000] as const

export function randomWait(choices: Choices): number {
  return choices.oneOf(WAITS)
}

/** An account that may owe something, or not. */
export function randomAccount(choices: Choices, accountId: string): Operation {
  const creditLimit = credits(choices.oneOf([0, 0, 0, 15]))
  const debtLimit = credits(choices.oneOf([0, 0, 20]))
  return { verb: 'openAccount', accountId, idempotencyKey: `open:${accountId}`, input: { name: 'Ada', creditLimit, debtLimit } }
}

/**
 * The next thing that somebody asks of a ledger. Mostly about things that exist there, so that much of it succeeds; sometimes what
 * was asked before, or something else under the same key.
 *
 * @param index  how many came before: it names what is new
 */
export function randomOperation(
  choices: Choices,
  ledger: ReferenceLedger,
  index: number,
  now: number,
  earlier: readonly Operation[],
): Operation {
  if (earlier.length > 0 && choices.happens(6)) {
    const again = choices.oneOf(earlier)
    if (again.idempotencyKey !== null || isNameless.has(again.verb)) return again
  }
  const [accountId, account] = choices.oneOf([...ledger.accounts])
  const verb = possible(choices.oneOf(verbs), account)
  const draw = new Draw(choices, accountId, account, index, now)
  const input = inputs[verb](draw)
  // As the ledger does it, some keys come from what is named, and two calls for the same thing meet.
  const natural = verb === 'settleHold' ? `usage:${(input as Operations['settleHold']).usageId}` : `${verb}${index}`
  const keyed = earlier.filter((each) => each.idempotencyKey !== null && each.verb !== 'settleHold')
  const stolen = keyed.length > 0 && choices.happens(2) ? choices.oneOf(keyed).idempotencyKey : natural
  // Without a key goes only what no caller could repeat: what names nothing, or a new id.
  const isKeyless =
    isSilent.has(verb) || ((draw.namesNew || isNameless.has(verb)) && choices.happens(verb === 'extendHold' ? 50 : 3))
  return { verb, accountId, idempotencyKey: isKeyless ? null : stolen, input } as Operation
}

/** Most verbs are about something: where there is none yet, it is made first. */
function possible(
  verb: keyof typeof weights,
  { grants, holds, workflows, usages, topUpIds }: ReferenceAccount,
): keyof typeof weights {
  if (grants.length === 0 && verb !== 'charge') return 'grant'
  if (holds.length === 0 && ['settleHold', 'extendHold', 'releaseHold'].includes(verb)) return 'placeHold'
  if (usages.length === 0 && ['refund', 'adjust'].includes(verb)) return 'charge'
  if (topUpIds.length === 0 && verb === 'cancelTopUp') return 'setAlerts'
  return workflows.length === 0 && verb === 'closeWorkflow' ? 'openWorkflow' : verb
}

/** What the inputs of one operation are drawn from. */
class Draw {
  readonly choices: Choices
  readonly accountId: string
  readonly account: ReferenceAccount
  readonly index: number
  readonly now: number

  constructor(choices: Choices, accountId: string, account: ReferenceAccount, index: number, now: number) {
    this.choices = choices
    this.accountId = accountId
    this.account = account
    this.index = index
    this.now = now
  }

  /** Whether the id of what it makes is new. */
  namesNew = false

  /** Mostly a new id; sometimes one that is taken. */
  fresh(letter: string, known: readonly string[]): string {
    if (known.length > 0 && this.choices.happens(4)) return this.choices.oneOf(known)
    this.namesNew = true
    return `${letter}${this.index}`
  }

  /** Mostly one of the newest ids; sometimes one that was never heard of. */
  known(ids: readonly string[]): string {
    if (ids.length === 0 || this.choices.happens(3)) return 'nobody'
    return this.choices.happens(15) ? this.choices.oneOf(ids) : this.choices.oneOf(ids.slice(-6))
  }

  get holds(): string[] {
    const open = this.account.holds.filter(({ state }) => state === 'open')
    return (open.length > 0 && !this.choices.happens(20) ? open : this.account.holds).map(({ holdId }) => holdId)
  }

  /** Mostly what lines have come to; sometimes a little more. */
  linesSoFar(work: Parameters<ReferenceAccount['usagesOf']>[0]): LinesSoFar {
    const lines = this.account.usagesOf(work)
    const rated = lines.reduce((sum, usage) => sum + usage.rated, this.choices.happens(10) ? 1n : 0n)
    const used = lines.reduce((sum, { quantity }) => sum + quantity, this.choices.happens(10) ? 1n : 0n)
    return { quantity: microUnits(used), rated: microCredits(rated) }
  }

  get workflow(): string | undefined {
    const ids = this.account.workflows.map(({ workflowId }) => workflowId)
    return ids.length > 0 ? this.choices.maybe(45, () => this.known(ids)) : undefined
  }

  /** A workflow, sometimes to be opened: mostly one that is new. */
  get ownWorkflow(): { workflowId?: string; opensWorkflow?: NewWorkflow } {
    const { choices } = this
    if (!choices.happens(15)) return { workflowId: this.workflow }
    const known = this.account.workflows.map(({ workflowId }) => workflowId)
    const workflowId = known.length > 0 && choices.happens(25) ? this.known(known) : `w${this.index}`
    const first =
      known.length > 0 && choices.happens(50) ? this.account.workflows.find((each) => each.workflowId === workflowId) : undefined
    // The words of before, or others.
    const { name, userId, apiKeyId, maxCredits } = first ?? {
      name: choices.oneOf(['call', 'chat']),
      ...this.spender,
      maxCredits: choices.maybe(30, () => this.amount(0, 150)),
    }
    return { workflowId, opensWorkflow: { name, userId, apiKeyId, maxCredits } }
  }

  /** Whether the end of a workflow is told. */
  get announce(): boolean | undefined {
    return this.choices.maybe(30, () => true)
  }

  get usageIds(): string[] {
    return this.account.usages.map(({ usageId }) => usageId)
  }

  /** One of few, so that accounts want the same; but of their own world, which may share a storage with others. */
  get prefix(): string {
    return `fbx_${this.accountId.replace(/-.*/, '')}_${this.choices.below(20)}`
  }

  /** What its caller says of a secret of their own. */
  get secret(): string | undefined {
    return this.choices.maybe(50, () => this.choices.oneOf(['one', 'other']))
  }

  /** A grant to take back: where the grant of a top-up has not begun, often that. */
  get takenBack(): string {
    const { grants, awaitedGrantId } = this.account
    return awaitedGrantId !== undefined && this.choices.happens(40)
      ? awaitedGrantId
      : this.known(grants.map(({ grantId }) => grantId))
  }

  /** Mostly the newest, since those before it are awaited no more. */
  get topUpId(): string {
    const { topUpIds } = this.account
    return this.known(this.choices.happens(80) ? topUpIds.slice(-1) : topUpIds)
  }

  get span(): number {
    return this.choices.oneOf(SPANS)
  }

  amount(least: number, most: number): Credits {
    return credits(this.choices.between(least, most))
  }

  get spender() {
    const { choices } = this
    return { apiKeyId: choices.maybe(30, () => choices.oneOf(KEYS)), userId: choices.maybe(30, () => choices.oneOf(USERS)) }
  }

  get usage(): RatedUsage {
    const { choices } = this
    return {
      quantity: microUnits(BigInt(choices.below(1_000))),
      unit: choices.oneOf(UNITS),
      // What costs nothing is refused, counted and closed as other work is.
      rated: this.choices.happens(8) ? credits(0) : this.amount(0, 60),
      roundingStep: credits(choices.oneOf([1, 10, 10])),
      certainty: 'exact',
      cost: choices.maybe(30, () => nanoUsd(BigInt(choices.below(500)))),
      priceVersion: choices.maybe(20, () => choices.oneOf(['v1', 'v2'])),
      details: choices.maybe(10, () => JSON.stringify({ tokens: choices.below(9) })),
    }
  }
}

const inputs: { [Name in keyof typeof weights]: (draw: Draw) => Operations[Name] } = {
  grant(draw) {
    const { choices, now, span } = draw
    const topUpId = choices.maybe(draw.account.topUpIds.length > 0 ? 40 : 1, () => draw.topUpId)
    const effectiveAt = choices.maybe(topUpId === undefined ? 25 : 50, () => now + span - 10)
    const expiresAt = choices.maybe(45, () => Math.max((effectiveAt ?? 0) + 1, now + draw.span - 5))
    return {
      grantId: draw.fresh(
        'g',
        draw.account.grants.map(({ grantId }) => grantId),
      ),
      amount: choices.happens(1) ? microCredits(2n ** 63n - 30_000n) : draw.amount(1, 900),
      source: choices.oneOf(grantSources),
      priority: choices.between(1, 3),
      effectiveAt,
      expiresAt,
      services: choices.maybe(25, () => [choices.oneOf(SERVICES)]),
      rollover:
        expiresAt === undefined
          ? undefined
          : choices.maybe(50, () => ({
              max: choices.happens(50) ? draw.amount(1, 300) : null,
              times: choices.between(1, 3),
              ttlMs: choices.happens(50) ? draw.span : undefined,
            })),
      topUpId,
    }
  },
  placeHold(draw) {
    const { choices } = draw
    return {
      holdId: draw.fresh('h', draw.holds),
      amount: draw.amount(1, 60),
      service: choices.oneOf(SERVICES),
      provider: choices.oneOf(['x', 'y']),
      ttlMs: draw.span,
      graceMs: choices.below(3) * 7,
      overage: choices.oneOf(overagePolicies),
      ...draw.ownWorkflow,
      ...draw.spender,
      unitPrice: choices.maybe(20, () => draw.amount(0, 7)),
    }
  },
  settleHold(draw) {
    const { choices, index } = draw
    const final = !choices.happens(40)
    const holdId = draw.known(draw.holds)
    // The last settlement goes by the hold's own id, as the ledger names it unless it is told otherwise.
    const usageId = final && choices.happens(60) ? holdId : choices.happens(3) ? draw.known(draw.usageIds) : `s${index}`
    const closesWorkflow = final ? choices.maybe(12, () => true) : undefined
    const partOf = final || usageId === holdId ? undefined : choices.maybe(40, () => holdId)
    const overage = choices.maybe(10, () => 'cap' as const)
    const provider = choices.maybe(15, () => 'z')
    const unitPrice = choices.maybe(20, () => draw.amount(0, 7))
    const { announce } = draw
    return { holdId, usageId, usage: draw.usage, provider, final, unitPrice, partOf, closesWorkflow, announce, overage }
  },
  charge(draw) {
    const { choices } = draw
    const work = draw.ownWorkflow
    const isOfWorkflow = work.workflowId !== undefined
    const [service, provider, usage] = [choices.oneOf(SERVICES), choices.oneOf(['x', 'y']), draw.usage]
    return {
      usageId: draw.fresh('u', draw.usageIds),
      service,
      provider,
      overage: choices.oneOf(overagePolicies),
      ...work,
      closesWorkflow: isOfWorkflow ? choices.maybe(12, () => true) : undefined,
      announce: draw.announce,
      linesSoFar: isOfWorkflow ? choices.maybe(25, () => draw.linesSoFar({ ...work, service, provider })) : undefined,
      ...draw.spender,
      usage,
    }
  },
  extendHold: (draw) => ({
    holdId: draw.known(draw.holds),
    amount: draw.choices.maybe(60, () => draw.amount(0, 70)),
    ttlMs: draw.choices.maybe(60, () => draw.span),
    unitPrice: draw.choices.maybe(20, () => draw.amount(0, 7)),
  }),
  releaseHold: (draw) => ({ holdId: draw.known(draw.holds) }),
  refund: (draw) => ({
    usageId: draw.known(draw.usageIds),
    correctionId: draw.fresh('f', draw.usageIds),
    amount: draw.choices.maybe(60, () => draw.amount(1, 30)),
    reason: draw.choices.maybe(10, () => 'unhappy'),
  }),
  adjust: (draw) => ({
    usageId: draw.known(draw.usageIds),
    correctionId: draw.fresh('j', draw.usageIds),
    charge: draw.choices.maybe(85, () => draw.amount(0, 70)),
    cost: draw.choices.maybe(30, () => nanoUsd(BigInt(draw.choices.below(500)))),
    overage: draw.choices.oneOf(overagePolicies),
  }),
  openWorkflow(draw) {
    const ids = draw.account.workflows.map(({ workflowId }) => workflowId)
    const maxCredits = draw.choices.maybe(50, () => draw.amount(0, 150))
    const most = Math.min(60, Number(maxCredits ?? 60))
    return {
      workflowId: draw.fresh('w', ids),
      name: draw.choices.oneOf(['call', 'chat']),
      ...draw.spender,
      maxCredits,
      // The ledger takes no reserve above the ceiling.
      reserve: most > 0 ? draw.choices.maybe(40, () => ({ amount: draw.amount(1, most), ttlMs: draw.span })) : undefined,
      parentId: ids.length > 0 ? draw.choices.maybe(40, () => draw.known(ids)) : undefined,
    }
  },
  closeWorkflow: (draw) => ({
    workflowId: draw.known(draw.account.workflows.map(({ workflowId }) => workflowId)),
    keepsHolds: draw.choices.happens(30),
    announce: draw.announce,
  }),
  setAlerts(draw) {
    const { choices } = draw
    return {
      // Few, so that a threshold is often set to what it is.
      balanceLow: choices.maybe(60, () => credits(choices.oneOf([0, 60, 150]))),
      topUp: choices.maybe(70, () => ({ at: credits(choices.oneOf([0, 60, 150, 600, 2_000])), amount: draw.amount(1, 50) })),
    }
  },
  cancelTopUp: (draw) => ({ topUpId: draw.topUpId }),
  setBudget(draw) {
    const { choices } = draw
    const { inputs: known } = draw.account.budgets
    if (known.length > 0 && choices.happens(40)) return { ...choices.oneOf(known), limit: draw.amount(0, 300) }
    return {
      budgetId: `b${choices.below(4)}`,
      period: choices.oneOf(budgetPeriods),
      timeZone: choices.oneOf(ZONES),
      alertsAtPercent: choices.oneOf([[], [50], [80, 100]]),
      limit: draw.amount(0, 300),
      mode: choices.happens(20) ? 'warn' : 'block',
      ...draw.spender,
      service: choices.maybe(30, () => choices.oneOf(SERVICES)),
    }
  },
  revokeGrant: (draw) => ({ grantId: draw.takenBack }),
  chargeback: (draw) => ({ grantId: draw.takenBack }),
  // Thawed more often than frozen, for a frozen account does little.
  freezeAccount: (draw) => ({ isFrozen: draw.choices.happens(30) }),
  createApiKey: (draw) => ({
    apiKeyId: draw.choices.oneOf(KEYS),
    name: 'default',
    prefix: draw.prefix,
    hash: `${draw.index}`,
    secret: draw.secret,
    services: [],
    minimumBalance: draw.amount(0, 200),
    expiresAt: draw.choices.maybe(30, () => draw.now + draw.span),
  }),
  rotateApiKey: (draw) => ({
    apiKeyId: draw.choices.oneOf(KEYS),
    prefix: draw.prefix,
    hash: `${draw.index}`,
    secret: draw.secret,
    graceMs: draw.choices.oneOf([0, 1_000]),
  }),
  noteKeyUse: (draw) => ({ apiKeyId: draw.choices.oneOf(KEYS), at: draw.now }),
  revokeApiKey: (draw) => ({ apiKeyId: draw.choices.oneOf(KEYS) }),
  setKeyServices: (draw) => {
    const apiKeyId = draw.choices.oneOf(KEYS)
    return { apiKeyId, services: [{ id: `${apiKeyId}:gpt:`, service: 'gpt', enabled: draw.choices.happens(50) }] }
  },
  saveDocument: (draw) => ({ kind: 'agent', documentId: `d${draw.choices.below(20)}`, body: { n: draw.choices.below(3) } }),
  replaceDocument: (draw) => ({
    kind: draw.choices.happens(90) ? 'note' : 'agent',
    documentId: `d${draw.choices.below(3)}`,
    body: { n: draw.choices.below(3) },
    version: 1 + draw.choices.below(20),
  }),
  advance: () => ({}),
}

function credits(value: number): Credits {
  return microCredits(BigInt(value))
}
