import { type Credits, formatCredits, microCredits } from '@farebox/core'
import type { GrantRow, JournalEntry } from '@farebox/ledger'
import { NotFoundError } from '@farebox/ledger'
import type { PriceEntry } from '@farebox/pricing'
import { balanceJson } from '../receipt.ts'
import { recommendations } from '../recommendations.ts'
import { accountCredits, estimate, keyUsageReport, priceList, recommendationList, statementPage, usageReport } from './answers.ts'
import { accountRoute, publicRoute, type Route } from './route.ts'
import { estimateBody, statementQuery, usageQuery } from './schemas.ts'

export const accountRoutes: readonly Route[] = [
  accountRoute({
    method: 'post',
    path: '/api/v1/estimate',
    operationId: 'estimate',
    tag: 'usage',
    summary: 'What planned work will cost, by service, before any call',
    body: estimateBody,
    answer: estimate,
    handle: ({ box, body }) => box.estimateTexts(body),
  }),

  accountRoute({
    method: 'get',
    path: '/api/v1/usage',
    operationId: 'getUsage',
    tag: 'usage',
    summary: 'Where credits went, by workflow and by service',
    query: usageQuery,
    answer: usageReport,
    handle: ({ box, key, query }) =>
      box.usage({
        accountId: key.accountId,
        from: query.from,
        to: query.to,
        workflowName: query.workflow_name,
        userId: query.user_id,
      }),
  }),

  accountRoute({
    method: 'get',
    path: '/api/v1/usage/recommendations',
    operationId: 'getRecommendations',
    tag: 'usage',
    summary: 'Where credits could be saved',
    query: usageQuery,
    answer: recommendationList,
    handle: ({ box, key, query }) => recommendations(box, { accountId: key.accountId, from: query.from, to: query.to }),
  }),

  accountRoute({
    method: 'get',
    path: '/api/v1/usage/keys/:prefix',
    operationId: 'getKeyUsage',
    tag: 'usage',
    summary: 'Where the credits of one key went',
    answer: keyUsageReport,
    async handle({ box, key, parameters }) {
      const prefix = parameters.prefix ?? ''
      const report = await box.keyUsage(key.accountId, prefix)
      if (!report) throw new NotFoundError('API_KEY_NOT_FOUND', prefix)
      return report
    },
  }),

  accountRoute({
    method: 'get',
    path: '/api/v1/credits',
    operationId: 'getCredits',
    tag: 'credits',
    summary: 'Balance and grants',
    answer: accountCredits,
    async handle({ box, key }) {
      const { balance, held, available } = await box.ledger.balance(key.accountId)
      const grants = await box.ledger.grants(key.accountId)
      return {
        credit_balance: balanceJson(balance),
        held: balanceJson(held),
        available: balanceJson(available),
        grants: grants.map(grantJson),
      }
    },
  }),

  accountRoute({
    method: 'get',
    path: '/api/v1/credits/statement',
    operationId: 'getStatement',
    tag: 'credits',
    summary: 'The journal of the account, newest first, with the balance after each entry',
    query: statementQuery,
    answer: statementPage,
    async handle({ box, key, query }) {
      const [before, balanceAtCursor] = query.cursor?.split('.') ?? []
      const balance = balanceAtCursor ? BigInt(balanceAtCursor) : (await box.ledger.balance(key.accountId)).balance
      const page = await box.ledger.statement(key.accountId, { before: before ? Number(before) : undefined, limit: query.limit })
      let running: bigint = balance
      const entries = page.items.map((entry) => {
        const json = entryJson(entry, microCredits(running))
        running -= changeOf(entry)
        return json
      })
      return { entries, ...(page.next !== undefined && { next: `${page.next}.${running}` }) }
    },
  }),

  publicRoute({
    method: 'get',
    path: '/api/v1/prices',
    operationId: 'getPrices',
    tag: 'credits',
    summary: 'What everything costs',
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

/** What an entry charges: a price for each rate, and the rules of the price book as they are written there. */
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
    credits: balanceJson(grant.amount),
    remaining: balanceJson(grant.remaining),
    state: grant.state,
    effective_at: new Date(grant.effectiveAt).toISOString(),
    expires_at: grant.expiresAt === null ? null : new Date(grant.expiresAt).toISOString(),
    services: grant.services && [...grant.services],
  }
}

function entryJson(entry: JournalEntry, balance: Credits) {
  return {
    sequence: entry.sequence,
    at: new Date(entry.at).toISOString(),
    type: entry.verb,
    change: formatCredits(microCredits(changeOf(entry))),
    balance: formatCredits(balance),
    postings: Object.fromEntries(entry.postings.map(([bucket, amount]) => [bucket, formatCredits(microCredits(amount))])),
    hash: entry.hash,
  }
}

/** How an entry moved the balance, which is what is available and what is held. */
function changeOf({ postings }: JournalEntry): bigint {
  return postings.reduce((sum, [bucket, amount]) => (bucket === 'available' || bucket === 'held' ? sum + amount : sum), 0n)
}
