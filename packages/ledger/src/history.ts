import { setImmediate } from 'node:timers/promises'
import { checkInteger, checkLimit, checkSought, checkText } from './check-input.ts'
import type { LedgerDriver, Query } from './driver.ts'
import { NotFoundError } from './errors.ts'
import { keyPages } from './key-pages.ts'
import { checkFieldNames, type FieldNames } from './known-fields.ts'
import { decodeEntry } from './machine/journal.ts'
import type { GrantRow, TableName, UsageRow } from './rows.ts'
import { type RowsOf, rowsQuery } from './rows-query.ts'

/** Which part of the history to read. Times are epoch milliseconds on the store's clock. */
export interface HistoryRange {
  /** @defaultValue every account, one after another */
  accountId?: string
  /** @defaultValue the beginning */
  from?: number
  /**
   * Exclusive. Rows carry a time taken within their transaction, but become visible when it commits. So a range that ended a
   * while ago is complete, but one that ends now may miss rows that commit later, and so will the next range.
   * @defaultValue no end
   */
  until?: number
}

const rangeFields: FieldNames<HistoryRange> = { accountId: true, from: true, until: true }

/** What an account is, without its balance. */
export interface AccountFacts {
  accountId: string
  name: string
  createdAt: number
}

/** A page of an account's usage records, in the order in which they were written. */
export interface UsageTail {
  records: UsageRow[]
  /** The sequence of the last journal entry that was read: pass it as `after` to go on. */
  through: number
  hasMore: boolean
}

/** A grant whose payment was reversed. */
export interface ChargedBackGrant {
  accountId: string
  grantId: string
  /** When it was charged back. */
  at: number
}

/** An account that has changed. */
export interface ChangedAccount {
  accountId: string
  /** How many journal entries it has. */
  sequence: number
  /** When it last changed. */
  updatedAt: number
}

/** The verbs that write usage records, with the field of their outcome that holds the record's id. */
const RECORD_OF: Readonly<Record<string, string>> = {
  charge: 'usageId',
  settleHold: 'usageId',
  refund: 'correctionId',
  adjust: 'correctionId',
}

const PAGE = 500
/** How many journal entries are searched at once. */
const SPAN = 5_000
const END_OF_TIME = Number.MAX_SAFE_INTEGER

/**
 * Reads what happened, for exports and for consumers that follow the ledger. It reads page by page along primary keys, so it
 * needs little memory however long the history is. It changes nothing.
 */
export class LedgerHistory {
  readonly #driver: LedgerDriver<never>

  /** @internal Made by the ledger. */
  constructor(driver: LedgerDriver<never>) {
    this.#driver = driver
  }

  /** @throws {NotFoundError} no such account */
  async account(accountId: string): Promise<AccountFacts> {
    const [row] = await this.#rows('accounts', 'WHERE account_id = ?', [checkText('accountId', accountId)])
    if (!row) throw new NotFoundError('ACCOUNT_NOT_FOUND', accountId)
    const { name, createdAt } = row
    return { accountId, name, createdAt }
  }

  /** Usage records and their corrections, a page at a time, in the order of account and id. */
  usage(range: HistoryRange = {}): AsyncGenerator<UsageRow[], void, undefined> {
    return this.#pages('usage_records', 'usage_id', range, ({ usageId }) => usageId)
  }

  /** Grants in any state, a page at a time, in the order of account and id. */
  grants(range: HistoryRange = {}): AsyncGenerator<GrantRow[], void, undefined> {
    return this.#pages('grants', 'grant_id', range, ({ grantId }) => grantId)
  }

  /** Grants that were charged back in a range of time, each once, in the order of their accounts. */
  async *chargebacks(range: HistoryRange = {}): AsyncGenerator<ChargedBackGrant[], void, undefined> {
    const { accountId, from = 0, until = END_OF_TIME } = checkRange(range)
    let read: string | undefined
    for await (const page of this.#pages(
      'grants',
      'grant_id',
      { accountId },
      ({ grantId }) => grantId,
      "state = 'charged_back'",
    )) {
      for (const account of new Set(page.map((grant) => grant.accountId))) {
        // The grants of an account may be on several pages, and its journal tells of all of them.
        if (account === read) continue
        read = account
        for await (const told of this.#chargebacksOf(account)) {
          const within = told.filter(({ at }) => at >= from && at < until)
          if (within.length > 0) yield within
        }
      }
    }
  }

  /** When grants of an account were first charged back. Leaves out those that went with the grant that they were carried over from. */
  async *#chargebacksOf(accountId: string): AsyncGenerator<ChargedBackGrant[], void, undefined> {
    const seen = new Set<string>()
    const [account] = await this.#rows('accounts', 'WHERE account_id = ?', [accountId])
    const last = account?.sequence ?? 0
    for (let after = 0; after < last; after += SPAN) {
      const rest = "WHERE account_id = ? AND sequence > ? AND sequence <= ? AND verb = 'chargeback' ORDER BY sequence"
      const entries = (await this.#rows('journal', rest, [accountId, after, after + SPAN])).map(decodeEntry)
      yield entries.flatMap(({ at, outcome }) => {
        const { grantId } = outcome as { grantId: string }
        if (seen.has(grantId)) return []
        seen.add(grantId)
        return [{ accountId, grantId, at }]
      })
      // Lets other work of this process run before going on with a long journal.
      await setImmediate()
    }
  }

  /** The grants of one account with these ids, leaving out unknown ones. */
  grantsOf(accountId: string, grantIds: readonly string[]): Promise<GrantRow[]> {
    return this.#byIds('grants', 'grant_id', accountId, grantIds)
  }

  /** The usage records of one account with these ids, leaving out unknown ones. */
  usageOf(accountId: string, usageIds: readonly string[]): Promise<UsageRow[]> {
    return this.#byIds('usage_records', 'usage_id', accountId, usageIds)
  }

  /** Usage records of one account after a sequence in its journal, in the order in which they were written. */
  async usageAfter(accountId: string, after: number, limit = PAGE): Promise<UsageTail> {
    const rest = 'WHERE account_id = ? AND sequence > ? ORDER BY sequence LIMIT ?'
    const entries = (
      await this.#rows('journal', rest, [checkText('accountId', accountId), checkInteger('after', after), checkLimit(limit)])
    ).map(decodeEntry)
    const ids = entries.flatMap(({ verb, outcome }) => {
      const field = RECORD_OF[verb]
      const id = field === undefined ? undefined : (outcome as Record<string, unknown>)[field]
      return typeof id === 'string' ? [id] : []
    })
    const records = await this.usageOf(accountId, ids)
    records.sort((left, right) => left.sequence - right.sequence)
    return { records, through: entries.at(-1)?.sequence ?? after, hasMore: entries.length === limit }
  }

  /** Accounts that have changed since a time, a page at a time, each with the number of its journal entries. */
  async *changedSince(since: number): AsyncGenerator<ChangedAccount[], void, undefined> {
    yield* keyPages<ChangedAccount>(this.#driver, {
      table: 'accounts',
      keys: ['account_id'],
      keyOf: ({ accountId }) => [accountId],
      only: { text: 'updated_at >= ?', values: [checkInteger('since', since)] },
      read: async (rest, values) => {
        const rows = await this.#driver.select({
          text: `SELECT account_id, sequence, updated_at FROM {accounts} ${rest}`,
          values,
          columns: { accountId: 'text', sequence: 'integer', updatedAt: 'integer' },
        })
        return rows as unknown as ChangedAccount[]
      },
    })
  }

  /** The last of an account's documents of one kind, in the order of their ids. */
  async lastDocument(accountId: string, kind: string): Promise<{ documentId: string; body: unknown } | undefined> {
    const rest = 'WHERE account_id = ? AND kind = ? ORDER BY document_id DESC LIMIT 1'
    const [row] = await this.#rows('documents', rest, [checkText('accountId', accountId), checkSought('kind', kind)])
    return row && { documentId: row.documentId, body: row.body }
  }

  async *#pages<Name extends 'usage_records' | 'grants'>(
    table: Name,
    key: string,
    given: HistoryRange,
    idOf: (row: RowsOf<Name>[number]) => string,
    only = '',
  ): AsyncGenerator<RowsOf<Name>, void, undefined> {
    const { accountId, from = 0, until = END_OF_TIME } = checkRange(given)
    const range = {
      text: `created_at >= ? AND created_at < ?${only && ` AND ${only}`}`,
      values: [checkInteger('from', from), checkInteger('until', until)],
    }
    const isPart = from > 0 || until < END_OF_TIME || only !== ''
    yield* keyPages<RowsOf<Name>[number]>(this.#driver, {
      table,
      ...(accountId === undefined
        ? { keys: ['account_id', key], keyOf: (row) => [row.accountId, idOf(row)] }
        : {
            of: { text: 'account_id = ?', values: [checkText('accountId', accountId)] },
            keys: [key],
            keyOf: (row) => [idOf(row)],
          }),
      only: isPart ? range : undefined,
      read: (rest, values) => this.#rows(table, rest, values),
    })
  }

  async #byIds<Name extends 'usage_records' | 'grants'>(
    table: Name,
    key: string,
    accountId: string,
    ids: readonly string[],
  ): Promise<RowsOf<Name>> {
    if (ids.length === 0) return []
    const values = [checkText('accountId', accountId), ids.map((id, index) => checkSought(`ids[${index}]`, id))]
    return this.#rows(table, `WHERE account_id = ? AND ${key} = ANY(?)`, values)
  }

  #rows<Name extends TableName>(name: Name, rest: string, values: Query['values']): Promise<RowsOf<Name>> {
    return this.#driver.select(rowsQuery(name, rest, values)) as unknown as Promise<RowsOf<Name>>
  }
}

function checkRange(range: HistoryRange): HistoryRange {
  checkFieldNames(range, rangeFields, 'a range of the history')
  return range
}
