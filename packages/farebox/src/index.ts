export { credits, FareboxError, formatCredits, formatUsd, InvalidOptionError, isFareboxError, quantity } from '@farebox/core'
export { InvalidInputError } from '@farebox/ledger'
export { defaultCostBook, defaultPriceBook, PriceBook, type PriceBookDocument, PriceNotFoundError } from '@farebox/pricing'
export {
  type BusinessAdapter,
  businessAdapters,
  defineBusinessAdapter,
  InvalidConfigurationError,
  parseServiceConfiguration,
  presets,
  type ServiceConfiguration,
} from '@farebox/router'
export type { Agent, CreateAgentInput } from './agents.ts'
export type { LiveDeadlines } from './call-runner.ts'
export type { Charge } from './charges-of.ts'
export * from './errors.ts'
export type { CallEstimate, CallsEstimate, CreditsRange } from './estimate-calls.ts'
export type { EstimatedServiceJson, EstimateInput, EstimateReport } from './estimate-workflow.ts'
export type { ExplainedCharge } from './explain-charges.ts'
export { createFarebox, type Farebox, type FareboxOptions } from './farebox.ts'
export type { FailedAttempts } from './hold-route.ts'
export { isApiPath } from './http/api-path.ts'
export type { WireAnswers, WireRequests } from './http/components.ts'
export type { CorsOptions } from './http/cross-origin.ts'
export type { RouteLimits } from './http/limits.ts'
export { type Problem, problemOf, problemResponse, statusOfCode } from './http/problem.ts'
export type { KnownMetadata } from './http/route.ts'
export type { RoutesOptions } from './http/routes.ts'
export type { LoadTokenizers } from './measure-chat.ts'
export type { ProviderStatus } from './provider-status.ts'
export { type AttemptUsed, type Receipt, type ServiceUsed, withoutCosts } from './receipt.ts'
export type { Recommendation, RecommendationReport } from './recommendations.ts'
export type { Difference, ReconcileReport } from './reconcile/difference.ts'
export type { ReconcileOptions } from './reconcile/reconcile.ts'
export type { ReplayProgress } from './replay/read-workflows.ts'
export type { RecommendInput } from './replay/recommend.ts'
export type { SimulateInput } from './replay/simulate.ts'
export { type Simulation, simulationJson } from './replay/simulation.ts'
export type { RetiringOffer } from './retiring-offers.ts'
export type * from './telemetry/call-observer.ts'
export type { Logger } from './telemetry/logger.ts'
export type { KeyUsageReport, ServiceBreakdownJson, UsageFilter, UsageReport } from './usage-report.ts'
export type { Workflow, WorkflowOptions } from './workflow.ts'
export type * from './workflow-calls.ts'
