// The API's wire format: snake_case names, whole credits unless a field says otherwise, times in RFC 3339.

/** The wire name of a service: one that Farebox knows, or a team's own. */
export type ServiceType = 'phone' | 'gpt' | 'voice_stt' | 'voice_tts' | 'vision' | 'realtime' | 'embedding' | (string & {})

/** A unit that quantities are counted in. */
export type UnitType = 'tokens' | 'minutes' | 'seconds' | 'characters' | 'images' | 'requests' | 'bytes'

/** An amount of credits in a request: a whole number, or a decimal string with at most six decimals. */
export type CreditAmount = number | string

/** Which providers to use, and what they may cost. */
export interface ServiceConfiguration {
  /** The chat model to try first. */
  primary_ai_model: string
  /** The chat model to try next. `null`: none in particular. */
  fallback_ai_model: string | null
  voice_enabled: boolean
  /** The provider that speaks. `null`: any available one. */
  tts_provider: string | null
  /** The provider that transcribes. `null`: any available one. */
  stt_provider: string | null
  phone_enabled: boolean
  /** The provider that places phone calls. `null`: any available one. */
  phone_provider: string | null
  vision_enabled: boolean
  /** Whether to send requests of low complexity to the cheapest capable provider. */
  cost_optimization: boolean
  /** The most credits that one request, or one live session as a whole, may cost. `null`: no limit. */
  max_credits_per_request: CreditAmount | null
  /** The model for requests with images. `null`: the chat models. */
  vision_model: string | null
  /** How to order the candidates of a request. */
  strategy: 'configured' | 'lowest_cost' | 'lowest_latency' | 'highest_quality' | 'weighted' | 'balanced'
  /** The complexity of requests that do not state theirs. `auto`: derived from each request. */
  complexity: 'low' | 'medium' | 'high' | 'auto'
  /** Whether accuracy and speed come before cost. */
  accuracy_first: boolean
  /** The providers to try after those named above, by service, in order. */
  fallback_providers: Record<string, string[]>
  /** Whether providers that are not named above may serve as a last resort. */
  last_resort: boolean
  /** Each provider's share of the traffic, for the strategy `weighted`. */
  weights: Record<string, number>
  /** Where data may be processed: `eu`. `null`: anywhere. */
  data_region: string | null
  /** What the operator of every provider must guarantee: `zero_retention`. */
  service_levels: string[]
  /** The lowest acceptable quality of a provider, from 0 to 1. */
  quality_min: number
  /** The longest acceptable predicted time to a stream's first token, or to a whole answer, in milliseconds. `null`: any. */
  latency_ms_max: number | null
  /** The share of requests, from 0 to 1, that the strategy `balanced` sends to a provider that it knows less about. */
  exploration: number
  /** Changes for requests with certain metadata. All that match apply in order, so a later one overrides an earlier one. */
  conditions: ConfigurationCondition[]
}

/** A change of configuration for requests with certain metadata: a cheaper model where `tier` is `free`, for example. */
export interface ConfigurationCondition {
  /** The matching value or values of each metadata key. Every key must match. */
  when: Record<string, string | string[]>
  /** The fields to change. */
  use: Partial<Omit<ServiceConfiguration, 'conditions'>>
}

/** One line of a receipt. */
export interface ServiceUsed {
  service_type: ServiceType
  provider: string
  units_consumed: number
  unit_type: UnitType
  credits_used: number
  /** The credits, as an exact decimal string. Absent where `credits_used` is exact. */
  credits_used_exact?: string
}

/** What a workflow used and cost. */
export interface Receipt {
  workflow_id: string
  workflow_name: string
  services_used: ServiceUsed[]
  total_credits_used: number
  /** The credits, as an exact decimal string. Absent where `total_credits_used` is exact. */
  total_credits_used_exact?: string
  /** The price books, with their versions, that rated it. */
  price_versions?: string[]
  /** The attempts in order: which provider was asked, why, and how it ended. Absent if nothing was routed. */
  attempts?: AttemptUsed[]
  /** Credits that were due but could not be collected. Absent if there were none. */
  shortfall?: number
  /** The credits, as an exact decimal string. Absent where `shortfall` is exact. */
  shortfall_exact?: string
  /** Seconds from opening to closing, or until now if it is still open. */
  duration: number
}

/** One attempt to serve a call. */
export interface AttemptUsed {
  attempt_id: string
  service_type: ServiceType
  provider: string
  model: string
  adapter: string
  /** `succeeded`, `failed`, `cut`, `left` or `lost`. */
  outcome: string
  /** `first`, `retry`, `fallback`, `hedge` or `continuation`. */
  cause: string
  /** Why this provider was asked. */
  reason: string
  /** The kind of failure, if it failed: `timeout`, `rate_limited`, … */
  error?: string
  /** How certain its usage is: `exact`, `derived`, `floor` or `ceiling`. */
  certainty?: string
  credits_used: number
  /** The credits, as an exact decimal string. Absent where `credits_used` is exact. */
  credits_used_exact?: string
  /** What its provider charges, in dollars. Only for the admin token. */
  cost_usd?: string
  /** ISO 8601, UTC. */
  started_at: string
  /** Seconds. */
  duration: number
}

/** A new agent: a use case, and changes to it. */
export interface CreateAgentRequest {
  /** The use case that it starts from: `emergencyservices`, `languagelearning`, or a team's own. */
  business_logic_adapter?: string
  custom_settings?: {
    /** The fields that differ from the use case. */
    service_configuration?: Partial<ServiceConfiguration>
  }
}

/** An agent, with its resolved configuration. */
export interface Agent {
  agent_id: string
  business_logic_adapter: string | null
  service_configuration: ServiceConfiguration
}

/** One message of a conversation with an agent. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** A request to an agent: one message, or a conversation. */
export type ChatRequest = ({ message: string; messages?: undefined } | { messages: ChatMessage[]; message?: undefined }) & {
  /** The name that breakdowns group it under. @defaultValue `chat` */
  workflow_name?: string
  complexity?: 'low' | 'medium' | 'high'
  accuracy?: 'standard' | 'high'
  /** @defaultValue 1024 */
  max_output_tokens?: number
}

/** What every answer of an agent contains. */
export interface AgentAnswer {
  receipt: Receipt
  /** Present if a simulated provider made up the answer. */
  simulated?: true
}

/** An agent's answer in text. */
export interface ChatAnswer extends AgentAnswer {
  text: string
  /** The wire name of the provider that answered. */
  provider: string
}

/** An event of a streamed answer. */
export type ChatEvent =
  | {
      type: 'text'
      /** The next piece of the text. */
      text: string
    }
  | (AgentAnswer & {
      type: 'finish'
      /** The wire name of the provider that answered. */
      provider: string
    })

/** A recording for an agent to answer. */
export interface VoiceRequest {
  /** The recording, in any common container. A stream is read to its end before it is sent. */
  audio: Blob | Uint8Array | ArrayBuffer | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>
  /** ISO 639-1 code of the language that is spoken. @defaultValue detected */
  language?: string
  /** The voice that answers. @defaultValue the provider's own default */
  voice?: string
  /** The name that breakdowns group it under. @defaultValue `voice_chat` */
  workflow_name?: string
}

/** What an agent heard and said. */
export interface VoiceAnswer extends AgentAnswer {
  /** What was said to the agent. */
  transcript: string
  /** What it answered. */
  text: string
  /** The spoken answer, in Base64. */
  audio: string
  audio_format: string
}

/** A telephone call to place. It speaks a message, or follows the instructions at a URL. */
export type CallRequest = ({ message: string; url?: undefined } | { url: string; message?: undefined }) & {
  /** E.164: `+15551234567`. */
  to: string
  from?: string
  /** @defaultValue 10 */
  max_minutes?: number
  /** The name that breakdowns group it under. @defaultValue `phone_call` */
  workflow_name?: string
}

/** How a telephone call went. */
export interface CallAnswer extends AgentAnswer {
  call_id: string
  status: string
  duration_seconds: number
}

/** A workflow to open for work that is done outside Farebox. */
export interface OpenWorkflowRequest {
  /** The name that breakdowns group it under. */
  workflow_name: string
  business_adapter?: string
  user_id?: string
  /** The most credits that it may cost. @defaultValue no ceiling */
  max_credits?: CreditAmount
  /** Credits to hold for its work from now on, so that the account cannot spend them elsewhere. @defaultValue nothing */
  reserve_credits?: CreditAmount
}

/** The workflow that was opened. */
export interface OpenedWorkflow {
  workflow_id: string
}

/** What work that was done outside Farebox consumed. */
export interface UsageRequest {
  service_type: ServiceType
  provider: string
  /** A number, or a decimal string with at most six decimals. */
  units_consumed: number | string
  unit_type: UnitType
  /** For phone calls: the number called, in E.164, if the price depends on it. */
  to?: string
  /** For phone calls: the number called from. */
  from?: string
  /** Identifies a call that is recorded in slices, so that all of them together cost what the whole call would. */
  call?: string
}

/** What recorded usage cost, and the remaining balance, in whole credits. */
export interface UsageCharged {
  credits_used: number
  /** The credits, as an exact decimal string. Absent where `credits_used` is exact. */
  credits_used_exact?: string
  credit_balance: number
}

/** Planned work to estimate. An absent field counts as none. */
export interface EstimateRequest {
  ai_tokens?: number
  /** Minutes of speech to transcribe. */
  voice_minutes?: number
  /** Characters to speak. */
  tts_characters?: number
  phone_minutes?: number
  /** A conversation, instead of `ai_tokens`: the server counts its tokens. */
  messages?: ChatMessage[]
  /** The most tokens that the answer to `messages` may have. @defaultValue 1024 */
  max_output_tokens?: number
  /** A text, instead of `tts_characters`: the server counts its characters. */
  tts_text?: string
  /** The fields that differ from the server's own configuration. */
  service_configuration?: Partial<ServiceConfiguration>
}

/** What planned work will cost, in whole credits: the expected, the lowest and the highest cost. */
export interface Estimate {
  services: EstimatedService[]
  total_credits: number
  /** The credits, as an exact decimal string. Absent where `total_credits` is exact. */
  total_credits_exact?: string
  total_credits_low: number
  /** The credits, as an exact decimal string. Absent where `total_credits_low` is exact. */
  total_credits_low_exact?: string
  total_credits_high: number
  /** The credits, as an exact decimal string. Absent where `total_credits_high` is exact. */
  total_credits_high_exact?: string
  price_version: string
}

/** What the planned work of one service would cost. */
export interface EstimatedService {
  service_type: ServiceType
  /** The provider that is asked first. */
  provider: string
  units: number
  unit_type: UnitType
  /** The expected cost: with the provider that is asked first. */
  credits: number
  /** The credits, as an exact decimal string. Absent where `credits` is exact. */
  credits_exact?: string
  /** The lowest cost: with the cheapest provider that the configuration names. */
  credits_low: number
  /** The credits, as an exact decimal string. Absent where `credits_low` is exact. */
  credits_low_exact?: string
  /** The highest cost: with the most expensive provider that the configuration names. */
  credits_high: number
  /** The credits, as an exact decimal string. Absent where `credits_high` is exact. */
  credits_high_exact?: string
}

/** A range of time, in RFC 3339; `to` is exclusive. */
export interface TimeRange {
  from?: string
  to?: string
}

/** Which usage a report covers. */
export interface UsageQuery extends TimeRange {
  service?: ServiceType
  provider?: string
  workflow_name?: string
  /** A key's prefix. */
  api_key?: string
  user_id?: string
}

/** What to export, and in which format. */
export interface ExportQuery extends TimeRange {
  /** `focus` is the FinOps Open Cost and Usage Specification, if the operator offers it. @defaultValue `csv` */
  format?: 'csv' | 'focus' | 'jsonl' | 'cloudevents'
  /** @defaultValue `usage` */
  kind?: 'usage' | 'purchases'
}

/** How to divide usage over time. Days are UTC days, and weeks begin on Monday. */
export interface UsageSeriesQuery extends UsageQuery {
  /** @defaultValue `day` */
  granularity?: 'hour' | 'day' | 'week' | 'month'
  /** `provider` groups by service and provider together: `phone_twilio`. @defaultValue `none` */
  group_by?: 'none' | 'workflow' | 'service' | 'provider' | 'api_key' | 'user'
  /** The most entries on one page. @defaultValue 1_000 */
  limit?: number
  /** The `next_cursor` of the page before. @defaultValue the first page */
  cursor?: string
}

/** Usage over time, ordered by time and then by name. Empty buckets are left out. */
export interface UsageSeries {
  granularity: 'hour' | 'day' | 'week' | 'month'
  group_by: 'none' | 'workflow' | 'service' | 'provider' | 'api_key' | 'user'
  from: string
  to: string
  series: UsageSeriesEntry[]
  /** The cursor of the next page. `null` on the last page. */
  next_cursor: string | null
}

/** What one group used in one bucket of time. */
export interface UsageSeriesEntry {
  starts_at: string
  /** The name of the group. `null`: usage without such a name, or all usage if `group_by` is `none`. */
  name: string | null
  /** Whole credits, rounded up. */
  total_credits: number
  /** The credits, as an exact decimal string, which sums of entries can be made of. */
  total_credits_exact: string
  usage_count: number
}

/** Which workflows to list. */
export interface WorkflowsQuery extends TimeRange {
  workflow_name?: string
  state?: 'open' | 'closed'
  /** A key's prefix. */
  api_key?: string
  user_id?: string
  /** @defaultValue 100 */
  limit?: number
  cursor?: string
}

/** A page of workflows, newest first. */
export interface WorkflowPage {
  workflows: WorkflowListing[]
  /** The cursor of the next page. `null` on the last page. */
  next_cursor: string | null
}

/** A workflow in a list. */
export interface WorkflowListing {
  workflow_id: string
  workflow_name: string
  state: 'open' | 'closed'
  total_credits_used: number
  /** The credits, as an exact decimal string. Absent where `total_credits_used` is exact. */
  total_credits_used_exact?: string
  held: number
  /** The credits, as an exact decimal string. Absent where `held` is exact. */
  held_exact?: string
  created_at: string
  closed_at: string | null
  user_id: string | null
  /** The prefix of the key that opened it. */
  api_key: string | null
  /** The workflow that it was opened below, whose credits include its own. Absent if there is none. */
  parent_workflow_id?: string
}

/** A receipt, with who opened the workflow and when, and the decisions that chose its providers. */
export interface WorkflowDetails extends Receipt {
  state: 'open' | 'closed'
  created_at: string
  closed_at: string | null
  user_id: string | null
  /** The prefix of the key that opened it. */
  api_key: string | null
  /** Oldest first. */
  decisions: RouteDecision[]
  /** The latest charges, at most 1,000, oldest first. Only for the admin token. */
  charges?: Charge[]
}

/** What a usage record was charged, and what of that can be given back. Amounts are decimal strings of credits. */
export interface Charge {
  /** The id of the usage record: name it to refund it. */
  usage_id: string
  service_type: ServiceType
  provider: string
  model: string | null
  charged_at: string
  /** What was charged at first. */
  credits_charged: string
  /** What is left of that after refunds and adjustments. */
  credits_refundable: string
}

/** How routing chose the provider of one call. Amounts are decimal strings of credits. */
export interface RouteDecision {
  usage_id: string
  service_type: ServiceType
  operation: string
  /** The provider that answered in the end. */
  answered_by: string
  decided_at: string | null
  /** `planned`, or why no provider could serve the call. */
  outcome: string
  strategy?: string
  hold?: string
  price_version?: string
  /** The fields that differed from the balanced preset. */
  configuration: Partial<ServiceConfiguration>
  conditions_met?: number[]
  /** What the call was expected to use, such as `1200 tokens input`. */
  expected: string[]
  /** What it might use at most. */
  at_most: string[]
  asked_provider?: string
  complexity?: { value: string; by: string; [fact: string]: unknown }
  /** The first choice first. */
  candidates: RouteCandidate[]
  candidates_omitted?: number
  rejected: { provider: string; model: string; adapter: string; reason: string; detail: string; charge?: string }[]
  rejected_omitted?: number
  not_offered?: string[]
  /** Indexes into `candidates`. */
  exploration?: { candidate: number; instead_of: number }
  session?: { candidate: number; is_kept: boolean }
}

/** An offer that could have served a call, as the decision recorded it. Amounts are decimal strings of credits. */
export interface RouteCandidate {
  provider: string
  model: string
  adapter: string
  simulated: boolean
  /** The expected charge. */
  charge: string
  /** The highest possible charge. */
  ceiling: string
  /** What the provider charges, in dollars. Only for the admin token. */
  cost_usd?: string
  latency_ms: number
  quality: number
  score: number
  condition: string
  error_rate?: number
  rate_limited_rate?: number
  why: string
}

/** The health of the providers. */
export interface ProviderStatus {
  status: 'ok' | 'degraded'
  adapters: AdapterStatus[]
}

/** The health of one adapter. */
export interface AdapterStatus {
  adapter: string
  simulated: boolean
  availability: 'ready' | 'disabled'
  /** Why it takes no calls. Only for the admin token. */
  reason?: string
  concurrency?: { limit: number; running: number; waiting: number }
  offers: OfferStatus[]
}

/** The observed health of one offer. What has not been observed is absent. */
export interface OfferStatus {
  service_type: ServiceType
  provider: string
  model: string
  condition: 'ok' | 'probe' | 'rate_limited' | 'refusing' | 'sick'
  answer_ms?: number
  first_event_ms?: number
  error_rate?: number
  rate_limited_rate?: number
  samples?: number
  in_flight?: number
  in_flight_max?: number
  per_minute_max?: number
}

/** A limit on spending per period, and what has been spent of it. */
export interface Budget {
  budget_id: string
  user_id: string | null
  /** The prefix of the key that it limits. */
  api_key: string | null
  service_type: ServiceType | null
  period: 'minute' | 'hour' | 'day' | 'week' | 'month' | 'total'
  time_zone: string
  mode: 'block' | 'warn'
  /** Whole credits, rounded down. */
  limit: number
  /** Whole credits, rounded up. */
  used: number
  /** The limit in credits, as an exact decimal string. */
  limit_exact: string
  /** What was used, in credits, as an exact decimal string. */
  used_exact: string
  window: { starts_at: string; ends_at: string | null }
  /** `null`: never. */
  resets_at: string | null
}

/** The budgets of an account. */
export interface Budgets {
  budgets: Budget[]
}

/** The account's own keys, with what each may spend. */
export interface OwnKeys {
  keys: (KeySummary & { budgets: Budget[] })[]
}

/** Selects a page of accounts. */
export interface AccountsQuery {
  /** @defaultValue 100 */
  limit?: number
  cursor?: string
}

/** An account in a list, with its balance. */
export interface AccountListing {
  account_id: string
  name: string
  balance: number
  /** The credits, as an exact decimal string. Absent where `balance` is exact. */
  balance_exact?: string
  held: number
  /** The credits, as an exact decimal string. Absent where `held` is exact. */
  held_exact?: string
  available: number
  /** The credits, as an exact decimal string. Absent where `available` is exact. */
  available_exact?: string
  /** Present while the account is frozen and takes no new work. */
  frozen?: true
}

/** A page of accounts, ordered by id. */
export interface AccountPage {
  accounts: AccountListing[]
  /** The cursor of the next page. `null` on the last page. */
  next_cursor: string | null
}

/** Where credits went. */
export interface UsageReport {
  total_credits: number
  /** The credits, as an exact decimal string. Absent where `total_credits` is exact, here and below. */
  total_credits_exact?: string
  /** Keyed by workflow name. `avg_duration` is in seconds. */
  workflow_breakdown: Record<string, { count: number; total_credits: number; total_credits_exact?: string; avg_duration: number }>
  service_breakdown: ServiceBreakdown[]
}

/** How much one service of one provider was used, and what that cost. */
export interface ServiceBreakdown {
  /** Service and provider together: `phone_twilio`. */
  name: string
  service_type: ServiceType
  provider: string
  units_consumed: number
  unit_type: UnitType
  usage_count: number
  total_credits: number
  /** The credits, as an exact decimal string. Absent where `total_credits` is exact. */
  total_credits_exact?: string
}

/** What one API key was used for, and what that cost. */
export interface KeyUsageReport {
  /** The prefix of the key. */
  api_key: string
  total_credits: number
  /** The credits, as an exact decimal string. Absent where `total_credits` is exact, here and below. */
  total_credits_exact?: string
  workflows_used: Record<string, { count: number; total_credits: number; total_credits_exact?: string }>
  /** The most expensive first. */
  top_consuming_services: ServiceBreakdown[]
}

/** Whether the process answers. */
export interface Health {
  status: 'ok'
}

/** Whether the store answers, and which providers take calls. Only the admin token sees why one does not. */
export interface Readiness {
  status: 'ok'
  providers: { name: string; simulated: boolean; status: string; reason?: string }[]
}

/** A change of configuration that would have saved credits. */
export interface Recommendation {
  /** The name of the workflows that it concerns. */
  workflow_name: string
  /** What to change: fields of a service configuration, or `{ preset }`. */
  change: Record<string, unknown>
  /** The service and the providers of the largest part of the work that would move. */
  service_type: ServiceType
  from_provider: string
  to_provider: string
  /** How many of its units would move to `to_provider`. */
  units_consumed: number
  unit_type: UnitType
  /** What the examined calls cost. */
  credits_used: number
  /** How much less they would have cost, rounded down to a whole credit. */
  credits_saved: number
  /** The saving as a share of `credits_used`, from 0 to 1. */
  share_saved: number
  workflows: number
  calls: number
  /** How many calls would move to another provider. */
  calls_changed: number
  /** `low` if some of the work was done outside Farebox, `high` if the history is complete and providers counted all of it. */
  confidence: 'high' | 'medium' | 'low'
  message: string
  assumptions: string[]
}

/** Recommended changes, the largest saving first, and the history that they are based on. */
export interface Recommendations {
  from: string
  to: string
  workflows: number
  calls: number
  /** Whether all workflows of that time were examined; otherwise only the newest. */
  is_complete: boolean
  recommendations: Recommendation[]
}

/** Where granted credits came from. */
export type GrantSource = 'purchase' | 'promo' | 'plan' | 'refund' | 'adjustment'

/** A grant as an account holder sees it. Times are ISO 8601, UTC. */
export interface Grant {
  grant_id: string
  source: GrantSource
  /** Lower numbers are spent first. */
  priority: number
  credits: number
  /** The credits, as an exact decimal string. Absent where `credits` is exact. */
  credits_exact?: string
  remaining: number
  /** The credits, as an exact decimal string. Absent where `remaining` is exact. */
  remaining_exact?: string
  state: string
  effective_at: string
  /** `null`: never. */
  expires_at: string | null
  /** The services it may pay for. `null`: every service. */
  services: string[] | null
}

/** A balance, with the grants that make it up, in the order in which they are spent. */
export interface Credits {
  credit_balance: number
  /** The credits, as an exact decimal string. Absent where `credit_balance` is exact. */
  credit_balance_exact?: string
  held: number
  /** The credits, as an exact decimal string. Absent where `held` is exact. */
  held_exact?: string
  /** The balance less what is held: what new work may use. */
  available: number
  /** The credits, as an exact decimal string. Absent where `available` is exact. */
  available_exact?: string
  grants: Grant[]
}

/** A movement of credits. Amounts are exact decimal strings. */
export interface StatementEntry {
  sequence: number
  at: string
  type: string
  /** How much it changed the balance. */
  change: string
  /** The balance after it. */
  balance: string
  /** The change of each bucket that it touched. They sum to zero. */
  postings: Record<string, string>
  hash: string
}

/** A page of the statement, newest first. */
export interface StatementPage {
  entries: StatementEntry[]
  /** The cursor of the next page. Absent on the last page. */
  next?: string
}

/** What customers pay at present. */
export interface PriceList {
  price_version: string
  prices: Price[]
}

/** One rate of the price book, as callers see it. */
export interface Price {
  service_type: ServiceType
  provider: string
  model?: string
  meter?: string
  /** Credits per `per` units, as a decimal string. With `rules.tiers`: of the first tier. */
  credits: string
  per: number | string
  unit_type: UnitType
  /** Increments, tiers, fees, windows and other rules, as in the price book; absent if there are none. */
  rules?: Record<string, unknown>
}

/** An account to open. */
export interface CreateAccountRequest {
  name: string
  /** The credits that it starts with. @defaultValue none */
  credits?: CreditAmount
}

/** The account that was opened. */
export interface CreatedAccount {
  account_id: string
}

/** Credits to grant to an account. */
export interface GrantRequest {
  account_id: string
  credits: CreditAmount
  /** @defaultValue `purchase` */
  source?: GrantSource
  /** Lower numbers are spent first. @defaultValue 100 */
  priority?: number
  /** @defaultValue now */
  effective_at?: string
  /** @defaultValue never */
  expires_at?: string
  /** The services it may pay for. @defaultValue every service */
  services?: ServiceType[]
}

/** The grant that was made, with the balance after it. */
export interface Granted {
  grant_id: string
  credit_balance: number
}

/** A grant to revoke. */
export interface RevokeGrantRequest {
  /** The account that was given the grant. */
  account_id: string
}

/** The grant that was revoked, with the balance after it. */
export interface RevokedGrant {
  grant_id: string
  /** What was taken back, as a decimal string: what nobody had spent, and no open hold had set aside. */
  credits_revoked: string
  credit_balance: number
}

/** A grant whose payment was reversed. */
export interface ChargebackRequest {
  /** The account that was given the grant. */
  account_id: string
  /** Why, for the record. */
  reason?: string
}

/** The grant that was charged back, with the balance after it. Amounts are decimal strings of credits. */
export interface ChargedBack {
  grant_id: string
  /** The unspent part, which was taken back. */
  credits_recovered: string
  /** The spent part, which the account owes now. Its next grants for every service repay it first. */
  credits_owed: string
  /** Whole credits, right after the chargeback: below zero if the account owes more than it has. */
  credit_balance: number
}

/** A charge to give back. */
export interface RefundRequest {
  account_id: string
  /** The usage record that was charged: among the `charges` of its workflow, and in exports. */
  usage_id: string
  /** @defaultValue all that is left of the charge */
  credits?: CreditAmount
  /** Why, for the record. */
  reason?: string
}

/** What was given back, and what is left of the charge. */
export interface Refunded {
  /** The usage record that corrects the one that was refunded. */
  refund_id: string
  usage_id: string
  /** A decimal string. */
  credits_refunded: string
  /** What is left of the charge, and can still be given back, as a decimal string. */
  credits_refundable: string
  /** Whole credits, right after the refund. */
  credit_balance: number
}

/** Why an account is frozen, or no longer is. */
export interface FreezeRequest {
  /** Why, for the record. */
  reason?: string
}

/** Whether an account is frozen now. */
export interface FrozenAccount {
  account_id: string
  frozen: boolean
}

/** The services that a key may use from now on. */
export interface KeyServicesRequest {
  services: KeyServiceRequest[]
}

/** A service that a key may use: by name, or with conditions. */
export type KeyServiceRequest =
  | ServiceType
  | {
      service_type: ServiceType
      /** @defaultValue every provider */
      provider?: string
      /** @defaultValue true */
      enabled?: boolean
      /** @defaultValue no limit */
      cost_limit_per_request?: CreditAmount
    }

/** An API key to create for an account. */
export interface CreateKeyRequest {
  account_id: string
  name?: string
  user_id?: string
  /** @defaultValue every service */
  services?: KeyServiceRequest[]
  /** @defaultValue never */
  expires_at?: string
}

/** The key that was created. */
export interface CreatedKey {
  /**
   * The key itself, which is shown only once. Absent if the first answer was lost and this is a repeat of it: nobody knows the key
   * then, so revoke it.
   */
  key?: string
  /** Identifies the key from now on. */
  prefix: string
}

/** How to rotate a key. */
export interface RotateKeyRequest {
  /** How many seconds the previous secret stays valid: 0 if it has leaked. @defaultValue 86_400 (24 hours) */
  grace_seconds?: number
}

/** The key with its new secret. */
export interface RotatedKey {
  /** The key itself, which is shown only once. Absent if the first answer was lost and this is a repeat of it: rotate once more. */
  key?: string
  /** Identifies the key from now on. Its earlier prefixes still identify it too. */
  prefix: string
  previous_prefix: string
  /** When the previous secret expires. */
  previous_expires_at: string
}

/** The keys of an account. */
export interface AccountKeys {
  keys: KeySummary[]
}

/** A key without its secret. */
export interface KeySummary {
  prefix: string
  name: string
  user_id: string | null
  /** Empty: every service. */
  services: KeyService[]
  created_at: string
  /** `null`: never. */
  expires_at: string | null
  revoked_at: string | null
  /** When the key was last used, or up to a minute before; `null`: never used. */
  last_used_at: string | null
  /** The prefix of the secret that the last rotation replaced. */
  previous_prefix: string | null
  previous_expires_at: string | null
}

/** The services that a key may use. */
export interface KeyServices {
  prefix: string
  services: KeyService[]
}

/** What a key may do with one service. */
export interface KeyService {
  id: string
  service_type: ServiceType
  /** `null`: every provider. */
  provider: string | null
  enabled: boolean
  /** Whole credits, rounded down. `null`: no limit. */
  cost_limit_per_request: number | null
  /** The limit in credits, as an exact decimal string. */
  cost_limit_per_request_exact: string | null
}

/** The key that was revoked. */
export interface RevokedKey {
  prefix: string
  revoked: true
}

/** A limit per period on what an account, or one user or key of it, may spend in all or on one service. */
export interface BudgetRequest {
  account_id: string
  period: 'minute' | 'hour' | 'day' | 'week' | 'month' | 'total'
  credits: CreditAmount
  service_type?: ServiceType
  user_id?: string
  key_prefix?: string
  /** `warn` only reports. @defaultValue `block` */
  mode?: 'block' | 'warn'
}

/** The budget that was set. */
export interface CreatedBudget {
  budget_id: string
}

/** An RFC 9457 problem, the body of every error of the API. */
export interface Problem {
  type: string
  title: string
  status: number
  /** A stable code, such as `INSUFFICIENT_CREDITS`. */
  code: string
  detail: string
  /** For 422: the fields that were wrong, and what each must be. */
  errors?: { field: string; problem: string }[]
  /** For 402: the credits that were needed, as a decimal string. */
  needed?: string
  /** For 402: the credits that were available, as a decimal string. */
  available?: string
  /** For 402: the limit of one request, as a decimal string. For 429: the limit that was reached. */
  limit?: string | number
  /** For 429: the name of that limit, such as `requests_per_minute_per_key`. */
  limit_name?: string
  /** For `REQUEST_TOO_LONG`: the unit that measures the request. */
  unit?: 'tokens' | 'characters'
  /** For `REQUEST_TOO_LONG`: the predicted length of the request. For a chat, it includes the answer. */
  length?: number
  /** For `REQUEST_TOO_LONG`: the greatest length accepted. */
  most?: number
  /** For `REQUEST_REJECTED`: the last provider's reason, `invalid_request`, `content_policy`, `context_too_long` or `unsupported`. */
  kind?: string
  /** For `REQUEST_REJECTED`: the parameter that the last provider found wrong, as it names it. */
  parameter?: string
  /** For `REFUND_EXCEEDS_CHARGE`: the credits that are left to give back, as a decimal string. */
  refundable?: string
  /** For 402: the budget that was too small. */
  budget_id?: string
  /** When that budget resets. */
  resets_at?: string
  /** For 409: the fields in which this request differs from the first one under its idempotency key. */
  differs?: string[]
  /** Seconds to wait before trying again. */
  retry_after?: number
  [fact: string]: unknown
}
