import { credits, formatCredits, formatQuantity, microCredits, type Service } from '@farebox/core'
import type { AccountFacts } from '../history.ts'
import { carriedFromIdOf } from '../machine/advance.ts'
import type { GrantSource, UsageRow } from '../rows.ts'
import { type FocusColumn, type FocusRow, focusColumns } from './focus-columns.ts'
import type { ResolvedFocusOptions } from './focus-options.ts'
import type { ToldGrant } from './told-grants.ts'

const HOUR_MS = 3_600_000
const CREDIT = credits(1)

/** Credits that were given, not sold. Usage paid with them costs the customer nothing. */
const FREE: ReadonlySet<GrantSource> = new Set(['promo', 'adjustment'])
const SOLD: ReadonlySet<GrantSource> = new Set(['purchase', 'plan'])

/** Readable names of services, and their FOCUS subcategories. */
const SERVICES: Readonly<Record<string, { name: string; subcategory: string }>> = {
  gpt: { name: 'Chat', subcategory: 'Generative AI' },
  vision: { name: 'Vision', subcategory: 'Generative AI' },
  realtime: { name: 'Conversation', subcategory: 'Generative AI' },
  embedding: { name: 'Embeddings', subcategory: 'Generative AI' },
  voice_tts: { name: 'Text to speech', subcategory: 'Generative AI' },
  voice_stt: { name: 'Speech to text', subcategory: 'Natural Language Processing' },
}

/** Further facts about a usage record. */
export interface UsageContext {
  account: AccountFacts
  /** Sources of the grants that paid for it, by grant id. */
  sources: ReadonlyMap<string, GrantSource>
  /** When the corrected record was written. */
  correctedAt?: number
}

/**
 * A usage record as a FOCUS row for prepaid usage: nothing is billed, and the effective cost is that of the bought credits it
 * used. A correction is an `Adjustment`, and of class `Correction` if the corrected record is in an earlier billing period.
 */
export function focusUsageRow(row: UsageRow, context: UsageContext, options: ResolvedFocusOptions): FocusRow {
  const { service, provider, unit, charged, createdAt } = row
  const isCorrection = row.corrects !== null
  const { correctedAt = createdAt } = context
  const { name, category, subcategory } = serviceOf(service)
  const quantity = formatQuantity(row.quantity)
  const what = isCorrection ? `Correction of ${row.corrects}` : `${quantity} ${unit} of ${provider}`
  return {
    ...shared(row.accountId, context.account, createdAt, options),
    ...priced(charged, options),
    BilledCost: '0',
    EffectiveCost: moneyText(paidShare(row, context.sources), options),
    ChargeCategory: isCorrection ? 'Adjustment' : 'Usage',
    ChargeClass: isCorrection && monthOf(correctedAt) !== monthOf(createdAt) ? 'Correction' : null,
    ChargeDescription: `${what}, ${formatCredits(charged)} ${charged === CREDIT ? 'credit' : 'credits'}`,
    ChargeFrequency: 'Usage-Based',
    ConsumedQuantity: isCorrection ? null : quantity,
    ConsumedUnit: isCorrection ? null : unitText(unit),
    PublisherName: provider,
    ServiceCategory: category,
    ServiceName: name,
    ServiceSubcategory: subcategory,
    SkuId: `${service}/${provider}`,
    SkuMeter: unitText(unit),
    SkuPriceId: `${service}/${provider}/${unit}`,
    x_CreditsCharged: formatCredits(charged),
    x_Model: row.model,
    x_Provider: provider,
    x_Service: service,
    x_UsageId: row.usageId,
    x_CorrectedUsageId: row.corrects,
    x_UserId: row.userId,
    x_WorkflowId: row.workflowId,
  }
}

/**
 * A grant as a FOCUS row. Sold credits are a purchase that covers later usage: they are billed now, and their effective cost
 * appears with the usage. Credits that were given, or carried over from an earlier bill, cost nothing. A chargeback is an
 * adjustment that takes the bill back.
 */
export function focusPurchaseRow(told: ToldGrant, account: AccountFacts, options: ResolvedFocusOptions): FocusRow {
  const { grant, chargedBackAt } = told
  const { source, grantId, createdAt } = grant
  const carriedFrom = carriedFromIdOf(grantId)
  const isSold = SOLD.has(source) && carriedFrom === undefined
  const isBack = chargedBackAt !== undefined
  const amount = microCredits(isBack ? -grant.amount : grant.amount)
  const costs = priced(amount, options)
  const free = { ListCost: '0', ContractedCost: '0', ListUnitPrice: null, ContractedUnitPrice: null, SkuPriceId: null }
  const isAdjustment = isBack || carriedFrom !== undefined || !(isSold || source === 'promo')
  const what = isBack ? `Chargeback of ${grantId}, ` : ''
  const origin = carriedFrom === undefined ? '' : `, carried over from ${carriedFrom}`
  return {
    ...shared(grant.accountId, account, chargedBackAt ?? createdAt, options),
    ...costs,
    BilledCost: isSold ? costs.ListCost : '0',
    EffectiveCost: '0',
    ChargeCategory: isAdjustment ? 'Adjustment' : isSold ? 'Purchase' : 'Credit',
    ChargeClass: isBack && monthOf(chargedBackAt) !== monthOf(createdAt) ? 'Correction' : null,
    ChargeDescription: `${what}${formatCredits(amount)} credits (${source})${origin}`,
    ChargeFrequency: source === 'plan' && !isAdjustment ? 'Recurring' : 'One-Time',
    PublisherName: options.seller,
    ServiceCategory: 'AI and Machine Learning',
    ServiceName: 'Credits',
    ServiceSubcategory: 'Other (AI and Machine Learning)',
    SkuId: 'credits',
    SkuMeter: 'Credits',
    SkuPriceId: 'credits',
    ...(!isSold && free),
    x_GrantId: grantId,
    x_GrantSource: source,
  }
}

function shared(accountId: string, account: AccountFacts, at: number, options: ResolvedFocusOptions): FocusRow {
  const hour = Math.floor(at / HOUR_MS) * HOUR_MS
  const empty = Object.fromEntries(focusColumns.map((column) => [column, null])) as Record<FocusColumn, null>
  return {
    ...empty,
    BillingAccountId: accountId,
    BillingAccountName: account.name,
    BillingCurrency: options.currency,
    BillingPeriodStart: timeText(monthOf(at)),
    BillingPeriodEnd: timeText(monthOf(at, 1)),
    ChargePeriodStart: timeText(hour),
    ChargePeriodEnd: timeText(hour + HOUR_MS),
    InvoiceIssuerName: options.seller,
    ProviderName: options.seller,
  }
}

/** Prices the credits, not the usage, so that quantity × price equals the cost to the last digit. */
function priced(credits: bigint, options: ResolvedFocusOptions) {
  const cost = moneyText(credits, options)
  return {
    ListCost: cost,
    ListUnitPrice: options.creditPrice,
    ContractedCost: cost,
    ContractedUnitPrice: options.creditPrice,
    PricingCategory: 'Standard',
    PricingQuantity: formatCredits(credits as Parameters<typeof formatCredits>[0]),
    PricingUnit: 'Credits',
  }
}

/**
 * The part of a charge that was paid with sold credits, negative for a refund. The next purchase pays what was drawn on credit.
 */
function paidShare({ charged, lots }: UsageRow, sources: UsageContext['sources']): bigint {
  const isFree = ({ grantId }: { grantId: string }) => FREE.has(sources.get(grantId) ?? 'purchase')
  const free = lots.filter(isFree).reduce((sum, { amount }) => sum + amount, 0n)
  return charged - free
}

/** Exact money for micro-credits, as a decimal string. */
function moneyText(microCredits: bigint, { nanoPrice }: ResolvedFocusOptions): string {
  const product = microCredits * nanoPrice
  const [sign, size] = product < 0n ? ['-', -product] : ['', product]
  const digits = size.toString().padStart(16, '0')
  const decimals = digits.slice(-15).replace(/0+$/, '')
  return `${sign}${digits.slice(0, -15)}${decimals === '' ? '' : `.${decimals}`}`
}

function serviceOf(service: Service): { name: string; category: string; subcategory: string } {
  const known = SERVICES[service]
  if (known) return { ...known, category: 'AI and Machine Learning' }
  return { name: service === 'phone' ? 'Telephone' : service, category: 'Other', subcategory: 'Other (Other)' }
}

/** FOCUS capitalizes units. */
function unitText(unit: string): string {
  return unit.charAt(0).toUpperCase() + unit.slice(1)
}

/** The first moment of a month in UTC, `later` months after that of `at`. */
function monthOf(at: number, later = 0): number {
  const date = new Date(at)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later)
}

function timeText(at: number): string {
  return new Date(at).toISOString().replace('.000Z', 'Z')
}
