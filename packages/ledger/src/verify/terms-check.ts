import { carriedFromIdOf, dueAt, grantDueAt } from '../machine/advance.ts'
import { fieldText } from '../machine/content.ts'
import { ANY_SERVICE, reserveIdOf } from '../machine/reserves.ts'
import { windowOf } from '../machine/windows.ts'
import type { AccountRow, ApiKeyRow, BudgetRow, GrantRow, HoldRow, JournalEntry, Rollover } from '../rows.ts'
import type { Findings } from './report.ts'
import { compareTerms, type Said, said } from './said.ts'

interface KnownKey {
  made: Said
  prefix: unknown
  revokedAt: number | undefined
}

interface OpenHold {
  hold: HoldRow
  /** What its entry says of it. */
  placed: Said | undefined
  expiresAt: unknown
}

/** The terms of a grant: when, in which order and for what it may be spent. */
const grantTerms = ['source', 'priority', 'effectiveAt', 'expiresAt', 'services'] as const
/** The terms of a hold. Its user may come from its workflow. */
const holdTerms = ['workflowId', 'service', 'provider', 'apiKeyId', 'overage', 'graceMs', 'createdAt'] as const
const RESERVE_TERMS: Said = { service: ANY_SERVICE, provider: ANY_SERVICE, overage: 'cap', graceMs: '0' }
const budgetTerms = ['userId', 'apiKeyId', 'service', 'period', 'timeZone', 'limit', 'mode', 'alertsAtPercent'] as const

/**
 * Checks what was agreed against the entries that say so: the limits of the account and whether it is frozen, its budgets, the terms of
 * its grants and open holds, and its API keys. No sum tells of them: whoever raises a limit or adds a key past the ledger spends what
 * adds up.
 */
export class TermsCheck {
  readonly #findings: Findings
  #opened: Said | undefined
  #isFrozen = 'false'
  readonly #grants = new Map<string, Said>()
  readonly #budgets = new Map<string, Said>()
  readonly #keys = new Map<string, KnownKey>()
  readonly #openHolds = new Map<string, OpenHold>()

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** Adds an open hold, before any entry: of the others, which may be millions, no entry is remembered. */
  addOpenHold(hold: HoldRow): void {
    this.#openHolds.set(hold.holdId, { hold, placed: undefined, expiresAt: undefined })
  }

  add({ verb, at, ...entry }: JournalEntry): void {
    const [content, outcome] = [said(entry.content), said(entry.outcome)]
    // By the ids of outcomes: a content has a long id as its digest.
    const key = this.#keys.get(String(outcome.apiKeyId))
    const open = this.#openHolds.get(String(outcome.holdId))
    switch (verb) {
      case 'openAccount':
        this.#opened = content
        break
      case 'freezeAccount':
        this.#isFrozen = String(content.isFrozen)
        break
      case 'grant':
        this.#grants.set(String(outcome.grantId), { effectiveAt: String(at), ...content, createdAt: String(at) })
        break
      case 'placeHold':
        if (open) Object.assign(open, { placed: { ...content, createdAt: String(at) }, expiresAt: outcome.expiresAt })
        break
      case 'extendHold':
        if (open) open.expiresAt = outcome.expiresAt
        break
      case 'setBudget':
        this.#budgets.set(String(outcome.budgetId), content)
        break
      case 'createApiKey':
        this.#keys.set(String(outcome.apiKeyId), {
          made: { ...content, createdAt: String(at) },
          prefix: outcome.prefix,
          revokedAt: undefined,
        })
        break
      case 'rotateApiKey':
        if (key) key.prefix = outcome.prefix
        break
      case 'revokeApiKey':
        if (key) key.revokedAt ??= at
    }
  }

  endAccount(account: AccountRow, grants: readonly GrantRow[]): void {
    // That this entry is missing is found by its sequence.
    if (this.#opened) this.#compare('account', this.#opened, account, ['creditLimit', 'debtLimit'])
    this.#findings.expect('terms', 'account isFrozen', this.#isFrozen, String(account.isFrozen))
    this.#findings.expect('terms', 'account hasBudgets', String(this.#budgets.size > 0), String(account.hasBudgets))
    let due = Number.POSITIVE_INFINITY
    for (const grant of grants) due = Math.min(due, grantDueAt(grant))
    for (const { hold } of this.#openHolds.values()) due = Math.min(due, dueAt(hold))
    // It may be earlier. If it were later, holds and grants would outlive their time.
    const next = account.nextDueAt ?? Number.POSITIVE_INFINITY
    this.#findings.expect('terms', 'account nextDueAt', due, Math.max(next, due))
  }

  endHolds(): void {
    for (const [holdId, { hold, placed, expiresAt }] of this.#openHolds) {
      const isReserve = hold.workflowId !== null && holdId === reserveIdOf(hold.workflowId)
      if (isReserve) {
        // What draws on it prolongs it.
        this.#compare(holdId, RESERVE_TERMS, hold, ['service', 'provider', 'overage', 'graceMs'])
      } else if (placed) {
        this.#compare(holdId, placed, hold, placed.userId === undefined ? holdTerms : [...holdTerms, 'userId'])
        this.#findings.expect('terms', () => `${holdId} expiresAt`, String(expiresAt), String(hold.expiresAt))
      } else this.#findings.expect('terms', holdId, 'no hold', 'a hold')
    }
  }

  endGrants(grants: readonly GrantRow[]): void {
    const byId = new Map(grants.map((grant) => [grant.grantId, grant]))
    for (const grant of grants) {
      const granted = this.#grants.get(grant.grantId)
      const from = byId.get(carriedFromIdOf(grant.grantId) ?? '')
      const { grantId, rollover } = grant
      if (granted) this.#compare(grantId, granted, grant, [...grantTerms, 'createdAt'])
      else if (from) this.#compare(grantId, carriedOver(from), grant, grantTerms)
      else continue
      const expected = granted ? rolloverSaid(granted) : rolloverText(nextRollover(from?.rollover ?? null))
      this.#findings.expect('terms', () => `${grantId} rollover`, expected, rolloverText(rollover))
    }
  }

  endBudgets(budgets: readonly BudgetRow[]): void {
    const found = new Set(budgets.map(({ budgetId }) => budgetId))
    for (const budgetId of this.#budgets.keys()) {
      if (!found.has(budgetId)) this.#findings.expect('terms', budgetId, 'a budget', 'none')
    }
    for (const budget of budgets) {
      const set = this.#budgets.get(budget.budgetId)
      if (set) {
        this.#compare(budget.budgetId, set, budget, budgetTerms)
        this.#endWindow(set, budget)
      } else this.#findings.expect('terms', budget.budgetId, 'no budget', 'a budget')
    }
  }

  addKey(row: ApiKeyRow): void {
    const { apiKeyId, prefix, revokedAt } = row
    const known = this.#keys.get(apiKeyId)
    if (!known) {
      this.#findings.expect('terms', apiKeyId, 'no API key', 'an API key')
      return
    }
    this.#compare(apiKeyId, known.made, row, ['name', 'userId', 'expiresAt', 'createdAt'])
    this.#findings.expect('terms', () => `${apiKeyId} prefix`, String(known.prefix), prefix)
    this.#findings.expect('terms', () => `${apiKeyId} revokedAt`, known.revokedAt ?? 'never', revokedAt ?? 'never')
  }

  endKeys(found: ReadonlySet<string>): void {
    for (const apiKeyId of this.#keys.keys()) {
      if (!found.has(apiKeyId)) this.#findings.expect('terms', apiKeyId, 'an API key', 'none')
    }
  }

  /** When a window ends follows from when it began. In a period or zone that nobody named, that is unknown. */
  #endWindow({ period, timeZone }: Said, budget: BudgetRow): void {
    if (budget.period !== period || budget.timeZone !== timeZone) return
    const { end } = windowOf(budget.period, budget.timeZone, budget.windowStart)
    this.#findings.expect('terms', () => `${budget.budgetId} windowEnd`, String(end), String(budget.windowEnd))
  }

  #compare<Row extends object>(id: string, entry: Said, row: Row, names: readonly (keyof Row & string)[]): void {
    compareTerms(this.#findings, { id, entry, row, names })
  }
}

/** What an expired grant says of the one to which the rest of it was carried over. */
function carriedOver({ source, priority, services, expiresAt, rollover }: GrantRow): Said {
  const until = expiresAt !== null && rollover !== null ? String(expiresAt + rollover.ttlMs) : undefined
  return {
    source,
    priority: String(priority),
    services: services === null ? undefined : fieldText(services),
    effectiveAt: expiresAt === null ? undefined : String(expiresAt),
    expiresAt: until,
  }
}

function nextRollover(rollover: Rollover | null): Rollover | null {
  return rollover !== null && rollover.times > 1 ? { ...rollover, times: rollover.times - 1 } : null
}

function rolloverText(rollover: Rollover | null): string {
  return rollover === null ? 'none' : `${rollover.max} ${rollover.ttlMs} ${rollover.times}`
}

/** The rollover that an entry agreed to, as {@link rolloverText} has it. Without a time of its own it lasts as long as the grant. */
function rolloverSaid({ rollover, expiresAt, effectiveAt }: Said): string {
  if (typeof rollover !== 'string') return 'none'
  const field = (name: string) => new RegExp(`"${name}":"?(\\w+)`).exec(rollover)?.[1]
  return `${field('max')} ${field('ttlMs') ?? Number(expiresAt) - Number(effectiveAt)} ${field('times')}`
}
