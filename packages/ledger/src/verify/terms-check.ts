import { carriedFromIdOf } from '../machine/advance.ts'
import { fieldText } from '../machine/content.ts'
import type { AccountRow, ApiKeyRow, BudgetRow, GrantRow, JournalEntry } from '../rows.ts'
import type { Findings } from './report.ts'

/** What an entry says, field by field. An entry that was tampered with may say anything. */
type Said = Readonly<Record<string, unknown>>

interface KnownKey {
  made: Said
  prefix: unknown
  revokedAt: number | undefined
}

/** The terms of a grant: when, in which order and for what it may be spent. */
const grantTerms = ['source', 'priority', 'effectiveAt', 'expiresAt', 'services'] as const
const budgetTerms = ['userId', 'apiKeyId', 'service', 'period', 'timeZone', 'limit', 'mode', 'alertsAtPercent'] as const

/**
 * Checks what was agreed against the entries that say so: the limits of the account and whether it is frozen, its budgets, the terms of
 * its grants, and its API keys. No sum tells of them: whoever raises a limit or adds a key past the ledger spends what adds up.
 */
export class TermsCheck {
  readonly #findings: Findings
  #opened: Said | undefined
  #isFrozen = 'false'
  readonly #grants = new Map<string, Said>()
  readonly #budgets = new Map<string, Said>()
  readonly #keys = new Map<string, KnownKey>()

  constructor(findings: Findings) {
    this.#findings = findings
  }

  add({ verb, at, ...entry }: JournalEntry): void {
    const [content, outcome] = [said(entry.content), said(entry.outcome)]
    // By the ids of outcomes: a content has a long id as its digest.
    const key = this.#keys.get(String(outcome.apiKeyId))
    switch (verb) {
      case 'openAccount':
        this.#opened = content
        break
      case 'freezeAccount':
        this.#isFrozen = String(content.isFrozen)
        break
      case 'grant':
        this.#grants.set(String(outcome.grantId), { effectiveAt: String(at), ...content })
        break
      case 'setBudget':
        this.#budgets.set(String(outcome.budgetId), content)
        break
      case 'createApiKey':
        this.#keys.set(String(outcome.apiKeyId), { made: content, prefix: outcome.prefix, revokedAt: undefined })
        break
      case 'rotateApiKey':
        if (key) key.prefix = outcome.prefix
        break
      case 'revokeApiKey':
        if (key) key.revokedAt ??= at
    }
  }

  endAccount(account: AccountRow): void {
    // That this entry is missing is found by its sequence.
    if (this.#opened) this.#compare('account', this.#opened, account, ['creditLimit', 'debtLimit'])
    this.#findings.expect('terms', 'account isFrozen', this.#isFrozen, String(account.isFrozen))
    this.#findings.expect('terms', 'account hasBudgets', String(this.#budgets.size > 0), String(account.hasBudgets))
  }

  endGrants(grants: readonly GrantRow[]): void {
    const byId = new Map(grants.map((grant) => [grant.grantId, grant]))
    for (const grant of grants) {
      const granted = this.#grants.get(grant.grantId)
      const from = byId.get(carriedFromIdOf(grant.grantId) ?? '')
      if (granted) this.#compare(grant.grantId, granted, grant, grantTerms)
      else if (from) this.#compare(grant.grantId, carriedOver(from), grant, grantTerms)
    }
  }

  endBudgets(budgets: readonly BudgetRow[]): void {
    const found = new Set(budgets.map(({ budgetId }) => budgetId))
    for (const budgetId of this.#budgets.keys()) {
      if (!found.has(budgetId)) this.#findings.expect('terms', budgetId, 'a budget', 'none')
    }
    for (const budget of budgets) {
      const set = this.#budgets.get(budget.budgetId)
      if (set) this.#compare(budget.budgetId, set, budget, budgetTerms)
      else this.#findings.expect('terms', budget.budgetId, 'no budget', 'a budget')
    }
  }

  addKey(row: ApiKeyRow): void {
    const { apiKeyId, prefix, revokedAt } = row
    const known = this.#keys.get(apiKeyId)
    if (!known) {
      this.#findings.expect('terms', apiKeyId, 'no API key', 'an API key')
      return
    }
    this.#compare(apiKeyId, known.made, row, ['userId', 'expiresAt'])
    this.#findings.expect('terms', () => `${apiKeyId} prefix`, String(known.prefix), prefix)
    this.#findings.expect('terms', () => `${apiKeyId} revokedAt`, known.revokedAt ?? 'never', revokedAt ?? 'never')
  }

  /** Compares fields that an entry names with those of a row. What the entry leaves out is null there. */
  #compare<Row extends object>(id: string, entry: Said, row: Row, names: readonly (keyof Row & string)[]): void {
    for (const name of names) {
      const value = row[name]
      const found = value === null ? 'none' : fieldText(value)
      this.#findings.expect('terms', () => `${id} ${name}`, String(entry[name] ?? 'none'), found)
    }
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

function said(of: unknown): Said {
  return typeof of === 'object' && of !== null ? (of as Said) : {}
}
