/**
 * The columns of a FOCUS 1.2 export: all mandatory ones, the conditional ones that apply to prepaid credits, and custom ones,
 * which begin with `x_`.
 *
 * @source https://focus.finops.org/focus-specification/v1-2/
 */
export const focusColumns = [
  'BilledCost',
  'BillingAccountId',
  'BillingAccountName',
  'BillingCurrency',
  'BillingPeriodEnd',
  'BillingPeriodStart',
  'ChargeCategory',
  'ChargeClass',
  'ChargeDescription',
  'ChargeFrequency',
  'ChargePeriodEnd',
  'ChargePeriodStart',
  'ConsumedQuantity',
  'ConsumedUnit',
  'ContractedCost',
  'ContractedUnitPrice',
  'EffectiveCost',
  'InvoiceIssuerName',
  'ListCost',
  'ListUnitPrice',
  'PricingCategory',
  'PricingQuantity',
  'PricingUnit',
  'ProviderName',
  'PublisherName',
  'ServiceCategory',
  'ServiceName',
  'ServiceSubcategory',
  'SkuId',
  'SkuMeter',
  'SkuPriceId',
  'x_CreditsCharged',
  'x_GrantId',
  'x_GrantSource',
  'x_Model',
  'x_Provider',
  'x_Service',
  'x_UsageId',
  'x_CorrectedUsageId',
  'x_UserId',
  'x_WorkflowId',
] as const

export type FocusColumn = (typeof focusColumns)[number]

/** A row. `null` is an empty cell. */
export type FocusRow = Record<FocusColumn, string | null>
