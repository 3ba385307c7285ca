import { type Credits, formatCredits, microCredits } from '@farebox/core'
import type { ApiKeySummary, GrantRow, JournalEntry } from '@farebox/ledger'
import type { PriceEntry } from '@farebox/pricing'
import { z } from 'zod'
import type { Farebox } from '../farebox.ts'
import { balanceFields, chargedFields } from '../receipt.ts'
import { accountCredits, budgetList, estimate, ownKeys, priceList, statementPage } from './answers.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { instantJson } from './instant-json.ts'
import { budgetJson, keyJson } from './key-json.ts'
import { accountRoute, publicRoute, type Route, readRoute } from './route.ts'
import { emptyQuery, estimateBody, statementQuery } from './schemas.ts'

/** Where a page of the statement ended: its last entry, and the balance before it. */
const statementPlace = z.tuple([z.number().int().min(1), z.string().regex(/^-?\d{1,20}$/)])

export const accountRoutes: readonly Route[] = [
  accountRoute({
    method: 'post',
    path: '/api/v1/estimate',
    operationId: 'estimate',
    tag: 'usage',
    summary: 'Estimate what planned work will cost, by service',
    body: estimateBody,
    changesNothing: true,
    answer: estimate,
    handle: ({ box, body }) => box.estimateTexts(body),
  }),

  readRoute({
    method: 'get',
    path: '/api/v1/credits',
    operationId: 'getCredits',
    tag: 'credits',
    summary: 'Get the balance and the grants of the account',
    query: emptyQuery,
    answer: accountCredits,
    async handle({ box, accountId }) {
      const { balance, grants } = await box.ledger.balanceAndGrants(accountId)
      return {
        ...balanceFields('credit_balance', balance.balance),
        ...chargedFields('held', balance.held),
        ...balanceFields('available', balance.available),
        ...(balance.isFrozen && { frozen: balance.isFrozen }),
        grants: grants.map(grantJson),
      }
    },
  }),

  readRoute({
    method: 'get',
    path: '/api/v1/credits/statement',
    operationId: 'getStatement',
    tag: 'credits',
    summary: 'Get the statement of the account, newest first, with the balance after each entry',
    query: statementQuery,
    answer: statementPage,
    async handle({ box, accountId, query }) {
      const list = ['statement', accountId]
      const { limit, cursor } = query
      const [before, balanceThere] = readCursor(list, statementPlace, cursor) ?? []
      const { balance, ...page } =
        before === undefined || balanceThere === undefined
          ? await newestPage(box, accountId, limit)
          : { ...(await box.ledger.statement(accountId, { before, limit })), balance: BigInt(balanceThere) }
      let running: bigint = balance
      const entries = page.items.map((entry) => {
        const json = entryJson(entry, microCredits(running))
        running -= changeOf(entry)
        return json
      })
      const next = page.next === undefined ? null : writeCursor(list, [page.next, running.toString()])
      return { entries, ...(next !== null && { next }) }
    },
  }),

  readRoute({
    method: 'get',
    path: '/api/v1/keys',
    operationId: 'listKeys',
    tag: 'credits',
    summary: 'List the API keys of the account, newest first, with what each may use and spend',
    query: emptyQuery,
    answer: ownKeys,
    async handle({ box, accountId }) {
      const [keys, budgets] = await Promise.all([box.ledger.apiKeys(accountId), box.ledger.currentBudgets(accountId)])
      const prefixes = prefixesOf(keys)
      return {
        keys: keys.map((key) => ({
          ...keyJson(key),
          budgets: budgets.filter(({ apiKeyId }) => apiKeyId === key.apiKeyId).map((budget) => budgetJson(budget, prefixes)),
        })),
      }
    },
  }),

  readRoute({
    method: 'get',
    path: '/api/v1/budgets',
    operationId: 'listBudgets',
    tag: 'credits',
    summary: 'List the budgets of the account, its users and its keys, with what has been spent of them',
    query: emptyQuery,
    answer: budgetList,
    async handle({ box, accountId }) {
      const budgets = await box.ledger.currentBudgets(accountId)
      const isByKey = budgets.some(({ apiKeyId }) => apiKeyId !== null)
      const prefixes = prefixesOf(isByKey ? await box.ledger.apiKeys(accountId) : [])
      return { budgets: budgets.map((budget) => budgetJson(budget, prefixes)) }
    },
  }),

  publicRoute({
    method: 'get',
    path: '/api/v1/prices',
    operationId: 'getPrices',
    tag: 'credits',
    summary: 'List the current prices',
    answer: priceList,
    handle({ box }) {
      const { version, entries } = box.prices.book.entries(box.now())
      return {
        price_version: version,
        prices: entries.flatMap(pricesJson),
      }
    },
  }),
]

async function newestPage({ ledger }: Farebox, accountId: string, limit: number) {
  const { balance, ...page } = await ledger.latestStatement(accountId, { limit })
  return { ...page, balance: balance.balance }
}

function prefixesOf(keys: readonly ApiKeySummary[]): Map<string, string> {
  return new Map(keys.map(({ apiKeyId, prefix }) => [apiKeyId, prefix]))
}

/** The prices of an entry: one for each rate, with its rules as the price book writes them. */
function pricesJson(entry: PriceEntry) {
  const { service, provider, model, connect_fee, minimum_charge, maximum_charge, multipliers, windows, rounding } = entry
  const ofCall = { connect_fee, minimum_charge, maximum_charge, multipliers, windows, rounding }
  return entry.rates.map(({ meter, amount, per, unit, ...ofRate }) => {
    const rules = Object.entries({ ...ofRate, ...ofCall }).filter(([, rule]) => rule !== undefined)
    return {
      service_type: service,
      provider,
      ...(model && { model }),
      ...(meter && { meter }),
      credits: amount ?? ofRate.tiers?.steps[0]?.amount ?? '',
      per: ofRate.package?.size ?? per,
      unit_type: unit,
      ...(rules.length > 0 && { rules: Object.fromEntries(rules) }),
    }
  })
}

function grantJson(grant: GrantRow) {
  return {
    grant_id: grant.grantId,
    source: grant.source,
    priority: grant.priority,
    ...balanceFields('credits', grant.amount),
    ...balanceFields('remaining', grant.remaining),
    state: grant.state,
    effective_at: instantJson(grant.effectiveAt),
    expires_at: instantJson(grant.expiresAt),
    services: grant.services,
  }
}

function entryJson(entry: JournalEntry, balance: Credits) {
  return {
    sequence: entry.sequence,
    at: instantJson(entry.at),
    type: entry.verb,
    change: formatCredits(microCredits(changeOf(entry))),
    balance: formatCredits(balance),
    postings: changesOf(entry),
    hash: entry.hash,
  }
}

/** How an entry changed each bucket. It may have several postings of one: what a settlement takes from a hold, and gives back of it. */
function changesOf({ postings }: JournalEntry): Record<string, string> {
  const changes = new Map<string, bigint>()
  for (const [bucket, amount] of postings) changes.set(bucket, (changes.get(bucket) ?? 0n) + amount)
  return Object.fromEntries([...changes].map(([bucket, amount]) => [bucket, formatCredits(microCredits(amount))]))
}

/** How an entry changed the balance, which is the sum of what is available and what is held. */
function changeOf({ postings }: JournalEntry): bigint {
  return postings.reduce((sum, [bucket, amount]) => (bucket === 'available' || bucket === 'held' ? sum + amount : sum), 0n)
}
