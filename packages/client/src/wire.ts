// What crosses the wire, as the API has it: snake_case, whole credits unless a field says otherwise, times in RFC 3339.

/** A service by its wire name, or a team's own. */
export type ServiceType = 'phone' | 'gpt' | 'voice_stt' | 'voice_tts' | 'vision' | 'realtime' | 'embedding' | (string & {})

/** What quantities are counted in. */
export type UnitType = 'tokens' | 'minutes' | 'seconds' | 'characters' | 'images' | 'requests' | 'bytes'

/** Credits as a request may state them: a whole number, or a decimal string with at most six decimals. */
export type CreditAmount = number | string

/** Which providers are wanted, and what they may cost. */
export interface ServiceConfiguration {
  /** Chat model tried first. */
  primary_ai_model: string
  /** Chat model tried next. `null`: none by name. */
  fallback_ai_model: string | null
  voice_enabled: boolean
  /** Speaks. `null`: any that is on offer. */
  tts_provider: string | null
  /** Transcribes. `null`: any that is on offer. */
  stt_provider: string | null
  phone_enabled: boolean
  /** Makes phone calls. `null`: any that is on offer. */
  phone_provider: string | null
  vision_enabled: boolean
  /** Whether requests of low complexity go to the cheapest capable provider. */
  cost_optimization: boolean
  /** The most credits that one request may cost, and one piece of live work from its beginning to its end. `null`: no limit. */
  max_credits_per_request: CreditAmount | null
  /** Model that looks at images. `null`: the chat models. */
  vision_model: string | null
  /** How the candidates of a request are ordered. */
  strategy: 'configured' | 'lowest_cost' | 'lowest_latency' | 'highest_quality' | 'weighted' | 'balanced'
  /** Complexity of requests that do not state theirs. `auto`: worked out from each. */
  complexity: 'low' | 'medium' | 'high' | 'auto'
  /** Accuracy and speed before cost. */
  accuracy_first: boolean
  /** Providers tried after those named above, by service, in order. */
  fallback_providers: Record<string, string[]>
  /** Whether offers that are named nowhere above may serve as a last resort. */
  last_resort: boolean
  /** Share of traffic by provider, for strategy `weighted`. */
  weights: Record<string, number>
  /** Where data may be processed: `eu`. `null`: anywhere. */
  data_region: string | null
  /** What the operator of every provider must promise: `zero_retention`. */
  service_levels: string[]
  /** The least quality that a provider may have, from 0 to 1. */
  quality_min: number
  /** The longest predicted time to the first token of a stream, or to a whole answer. `null`: any. */
  latency_ms_max: number | null
  /** Share of requests, from 0 to 1, that strategy `balanced` gives to a provider of which less is known. */
  exploration: number
  /** What differs for requests of certain metadata. All that apply do, in order, a later one over an earlier. */
  conditions: ConfigurationCondition[]
}

/** What differs for requests of certain metadata: for `tier` `free`, a cheaper model. */
export interface ConfigurationCondition {
  /** By key, the value or values that apply. Every key must be met. */
  when: Record<string, string | string[]>
  /** The fields that differ. */
  use: Partial<Omit<ServiceConfiguration, 'conditions'>>
}

/** One line of a receipt. */
export interface ServiceUsed {
  service_type: ServiceType
  provider: string
  units_consumed: number
  unit_type: UnitType
  credits_used: number
}

/** What a workflow cost. */
export interface Receipt {
  workflow_id: string
  workflow_name: string
  services_used: ServiceUsed[]
  total_credits_used: number
  /** The price books and versions that it was rated by. */
  price_versions?: string[]
  /** What was tried for it, in order: who was asked, why, and how it ended. Absent where nothing was routed. */
  attempts?: AttemptUsed[]
  /** Credits that were due and could not be taken; absent when there were none. */
  shortfall?: number
  /** Seconds from opening to closing, or until now. */
  duration: number
}

/** One attempt of a call. */
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
  /** Why that one was asked. */
  reason: string
  /** The kind of its failure: `timeout`, `rate_limited`, … */
  error?: string
  /** How sure its usage is. */
  certainty?: string
  credits_used: number
  /** What its provider charges, in dollars. Told to the admin token alone. */
  cost_usd?: string
  /** ISO 8601, UTC. */
  started_at: string
  /** Seconds. */
  duration: number
}

/** A new agent: a use case, with what differs from it. */
export interface CreateAgentRequest {
  /** The use case it starts from: `emergencyservices`, `languagelearning`, or a team's own. */
  business_logic_adapter?: string
  custom_settings?: {
    /** Fields that differ. */
    service_configuration?: Partial<ServiceConfiguration>
  }
}

/** An agent, with its configuration as resolved. */
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

/** What an agent is asked: one message, or a conversation. */
export type ChatRequest = ({ message: string; messages?: undefined } | { messages: ChatMessage[]; message?: undefined }) & {
  /** What breakdowns count it under. @defaultValue `chat` */
  workflow_name?: string
  complexity?: 'low' | 'medium' | 'high'
  accuracy?: 'standard' | 'high'
  /** @defaultValue 1024 */
  max_output_tokens?: number
}

/** What every answer of an agent carries. */
export interface AgentAnswer {
  receipt: Receipt
  /** Present when a simulated provider made it up. */
  simulated?: true
}

/** What an agent answered in writing. */
export interface ChatAnswer extends AgentAnswer {
  text: string
  /** Who answered, by its wire name. */
  provider: string
}

/** A part of an answer that is sent as it is produced. */
export type ChatEvent =
  | {
      type: 'text'
      /** What follows what came before. */
      text: string
    }
  | (AgentAnswer & {
      type: 'finish'
      /** Who answered, by its wire name. */
      provider: string
    })

/** A recording for an agent to answer. */
export interface VoiceRequest {
  /** The recording, in any common container. A stream is read to its end before it is sent. */
  audio: Blob | Uint8Array | ArrayBuffer | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>
  /** ISO 639-1 code of the language that is spoken. @defaultValue found out */
  language?: string
  /** The voice that answers. @defaultValue the provider's */
  voice?: string
  /** What breakdowns count it under. @defaultValue `voice_chat` */
  workflow_name?: string
}

/** What an agent heard and said. */
export interface VoiceAnswer extends AgentAnswer {
  /** What was said to the agent. */
  transcript: string
  /** What it answered. */
  text: string
  /** The answer as sound, in Base64. */
  audio: string
  audio_format: string
}

/** A telephone call that says something, or follows the instructions at a URL. */
export type CallRequest = ({ message: string; url?: undefined } | { url: string; message?: undefined }) & {
  /** E.164: `+15551234567`. */
  to: string
  from?: string
  /** @defaultValue 10 */
  max_minutes?: number
  /** What breakdowns count it under. @defaultValue `phone_call` */
  workflow_name?: string
}

/** How a telephone call went. */
export interface CallAnswer extends AgentAnswer {
  call_id: string
  status: string
  duration_seconds: number
}

/** A workflow for work that is done elsewhere. */
export interface OpenWorkflowRequest {
  /** What breakdowns count it under. */
  workflow_name: string
  business_adapter?: string
  user_id?: string
  /** The most that it may cost. @defaultValue no ceiling */
  max_credits?: CreditAmount
  /** Set aside now for its work, whatever else the account spends. @defaultValue nothing */
  reserve_credits?: CreditAmount
}

/** The workflow that was opened. */
export interface OpenedWorkflow {
  workflow_id: string
}

/** Work that was done elsewhere. */
export interface UsageRequest {
  service_type: ServiceType
  provider: string
  /** A number, or a decimal string with at most six decimals. */
  units_consumed: number | string
  unit_type: UnitType
  /** For phone calls: the number called, in E.164, where the price depends on it. */
  to?: string
  /** The number called from. */
  from?: string
  /** Names a call that is recorded in slices, which cost what the whole call would. */
  call?: string
}

/** What recorded usage cost, in whole credits, and what is left. */
export interface UsageCharged {
  credits_used: number
  credit_balance: number
}

/** What is planned. Absent is none. */
export interface EstimateRequest {
  ai_tokens?: number
  /** Minutes of speech to be transcribed. */
  voice_minutes?: number
  /** Characters to be spoken. */
  tts_characters?: number
  phone_minutes?: number
  /** A conversation whose tokens the server counts, instead of `ai_tokens`. */
  messages?: ChatMessage[]
  /** Tokens that its answer may have at most. @defaultValue 1024 */
  max_output_tokens?: number
  /** A text whose characters the server counts, instead of `tts_characters`. */
  tts_text?: string
  /** Fields that differ from the server's own configuration. */
  service_configuration?: Partial<ServiceConfiguration>
}

/** What planned work will cost, in whole credits: as expected, at least and at most. */
export interface Estimate {
  services: EstimatedService[]
  total_credits: number
  total_credits_low: number
  total_credits_high: number
  price_version: string
}

/** What one service would cost, before any call. */
export interface EstimatedService {
  service_type: ServiceType
  /** Who is asked first. */
  provider: string
  units: number
  unit_type: UnitType
  /** As expected: with the provider that is asked first. */
  credits: number
  /** At least: with the cheapest provider that the configuration names. */
  credits_low: number
  /** At most: with the dearest that it names. */
  credits_high: number
}

/** A span of time: RFC 3339, `to` exclusive. */
export interface TimeRange {
  from?: string
  to?: string
}

/** Which part of the history a usage report is about. */
export interface UsageQuery extends TimeRange {
  service?: ServiceType
  provider?: string
  workflow_name?: string
  /** The prefix of a key. */
  api_key?: string
  user_id?: string
}

/** What is to be exported, and how. */
export interface ExportQuery extends TimeRange {
  /** `focus` is the FinOps Open Cost and Usage Specification, where the operator offers it. @defaultValue `csv` */
  format?: 'csv' | 'focus' | 'jsonl' | 'cloudevents'
  /** @defaultValue `usage` */
  kind?: 'usage' | 'purchases'
}

/** How usage over time is cut up. Days are those of UTC, weeks begin on Monday. */
export interface UsageSeriesQuery extends UsageQuery {
  /** @defaultValue `day` */
  granularity?: 'hour' | 'day' | 'week' | 'month'
  /** `provider` is service and provider in one: `phone_twilio`. @defaultValue `none` */
  group_by?: 'none' | 'workflow' | 'service' | 'provider' | 'api_key' | 'user'
  /** Entries of a page. @defaultValue 1_000 */
  limit?: number
  /** The `next_cursor` of an earlier page. @defaultValue the first */
  cursor?: string
}

/** Usage over time, by time and then by name. Buckets in which nothing was used are left out. */
export interface UsageSeries {
  granularity: 'hour' | 'day' | 'week' | 'month'
  group_by: 'none' | 'workflow' | 'service' | 'provider' | 'api_key' | 'user'
  from: string
  to: string
  series: UsageSeriesEntry[]
  /** `null` at the end. */
  next_cursor: string | null
}

/** What was used in one bucket of time. */
export interface UsageSeriesEntry {
  starts_at: string
  /** `null`: of nothing by that name, or of everything where it is grouped by nothing. */
  name: string | null
  total_credits: number
  usage_count: number
}

/** Which workflows are wanted. */
export interface WorkflowsQuery extends TimeRange {
  workflow_name?: string
  state?: 'open' | 'closed'
  /** The prefix of a key. */
  api_key?: string
  user_id?: string
  /** @defaultValue 100 */
  limit?: number
  cursor?: string
}

/** A page of workflows, newest first. */
export interface WorkflowPage {
  workflows: WorkflowListing[]
  /** `null` at the end. */
  next_cursor: string | null
}

/** A workflow, in a list. */
export interface WorkflowListing {
  workflow_id: string
  workflow_name: string
  state: 'open' | 'closed'
  total_credits_used: number
  held: number
  created_at: string
  closed_at: string | null
  user_id: string | null
  /** The prefix of the key that it was opened with. */
  api_key: string | null
}

/** A receipt, with how its providers were chosen. */
export interface WorkflowDetails extends Receipt {
  /** The oldest first. */
  decisions: RouteDecision[]
}

/** How the provider of one call was chosen. Amounts are decimal strings of credits. */
export interface RouteDecision {
  usage_id: string
  service_type: ServiceType
  operation: string
  /** Who answered in the end. */
  answered_by: string
  decided_at: string | null
  /** `planned`, or why nobody could serve it. */
  outcome: string
  strategy?: string
  hold?: string
  price_version?: string
  /** What differed from the balanced preset. */
  configuration: Partial<ServiceConfiguration>
  conditions_met?: number[]
  /** What the call was expected to use, and at most: `1200 tokens input`. */
  expected: string[]
  at_most: string[]
  asked_provider?: string
  complexity?: { value: string; by: string; [fact: string]: unknown }
  /** First choice first. */
  candidates: RouteCandidate[]
  candidates_omitted?: number
  rejected: { provider: string; model: string; adapter: string; reason: string; detail: string; charge?: string }[]
  rejected_omitted?: number
  not_offered?: string[]
  /** Places among the candidates. */
  exploration?: { candidate: number; instead_of: number }
  session?: { candidate: number; is_kept: boolean }
}

/** Who could have served a call, as its decision kept it. Amounts are decimal strings of credits. */
export interface RouteCandidate {
  provider: string
  model: string
  adapter: string
  simulated: boolean
  /** Expected, and at most. */
  charge: string
  ceiling: string
  /** What the provider charges, in dollars. Told to the admin token alone. */
  cost_usd?: string
  latency_ms: number
  quality: number
  score: number
  condition: string
  error_rate?: number
  rate_limited_rate?: number
  why: string
}

/** How the providers are doing. */
export interface ProviderStatus {
  status: 'ok' | 'degraded'
  adapters: AdapterStatus[]
}

/** How an adapter is doing. */
export interface AdapterStatus {
  adapter: string
  simulated: boolean
  availability: 'ready' | 'disabled'
  /** Why it takes no calls. Only for the admin token. */
  reason?: string
  concurrency?: { limit: number; running: number; waiting: number }
  offers: OfferStatus[]
}

/** What was seen of one offer; what was not is absent. */
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

/** What may be spent over a period, and was. */
export interface Budget {
  budget_id: string
  user_id: string | null
  /** The prefix of the key that it limits. */
  api_key: string | null
  service_type: ServiceType | null
  period: 'minute' | 'hour' | 'day' | 'week' | 'month' | 'total'
  time_zone: string
  mode: 'block' | 'warn'
  limit: number
  used: number
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

/** Which page of the accounts is wanted. */
export interface AccountsQuery {
  /** @defaultValue 100 */
  limit?: number
  cursor?: string
}

/** An account with its balance, in a list. */
export interface AccountListing {
  account_id: string
  name: string
  balance: number
  held: number
  available: number
}

/** A page of accounts, by their ids. */
export interface AccountPage {
  accounts: AccountListing[]
  /** `null` at the end. */
  next_cursor: string | null
}

/** Where credits went. */
export interface UsageReport {
  total_credits: number
  /** By the names of workflows. `avg_duration` is in seconds. */
  workflow_breakdown: Record<string, { count: number; total_credits: number; avg_duration: number }>
  service_breakdown: ServiceBreakdown[]
}

/** What one service of one provider was used for and cost. */
export interface ServiceBreakdown {
  /** Service and provider in one: `phone_twilio`. */
  name: string
  service_type: ServiceType
  provider: string
  units_consumed: number
  unit_type: UnitType
  usage_count: number
  total_credits: number
}

/** What one API key was used for. */
export interface KeyUsageReport {
  /** The prefix of the key. */
  api_key: string
  total_credits: number
  workflows_used: Record<string, { count: number; total_credits: number }>
  /** The dearest first. */
  top_consuming_services: ServiceBreakdown[]
}

/** Whether the process answers. */
export interface Health {
  status: 'ok'
}

/** Whether the store answers, and which providers take calls; why one does not is only for the admin token. */
export interface Readiness {
  status: 'ok'
  providers: { name: string; simulated: boolean; status: string; reason?: string }[]
}

/** A change of configuration that would have saved credits. */
export interface Recommendation {
  /** Of the workflows that it is about. */
  workflow_name: string
  /** What to change: fields of a service configuration, or `{ preset }`. */
  change: Record<string, unknown>
  /** Of the largest part of what would go elsewhere. */
  service_type: ServiceType
  from_provider: string
  to_provider: string
  /** What of it would go elsewhere. */
  units_consumed: number
  unit_type: UnitType
  /** What the calls that were looked at cost. */
  credits_used: number
  /** What they would have cost less, down to the last whole credit. */
  credits_saved: number
  /** Of `credits_used`, from 0 to 1. */
  share_saved: number
  workflows: number
  calls: number
  /** Calls that would go elsewhere. */
  calls_changed: number
  /** `low` where work was recorded from elsewhere, `high` where all was routed here and counted by its providers. */
  confidence: 'high' | 'medium' | 'low'
  message: string
  assumptions: string[]
}

/** Where credits could be saved, the most first, and what that is known from. */
/** Where credits could be saved. */
export interface Recommendations {
  from: string
  to: string
  workflows: number
  calls: number
  /** Whether all workflows of the time were looked at; otherwise the newest were. */
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
  remaining: number
  state: string
  effective_at: string
  /** `null`: never. */
  expires_at: string | null
  /** The services it may pay for. `null`: every service. */
  services: string[] | null
}

/** A balance, with the grants that make it up in the order in which they are spent. */
export interface Credits {
  credit_balance: number
  held: number
  /** Balance less held: what new work may use. */
  available: number
  grants: Grant[]
}

/** A movement of credits. Its amounts are exact decimal strings. */
export interface StatementEntry {
  sequence: number
  at: string
  type: string
  /** How it moved the balance. */
  change: string
  /** The balance after it. */
  balance: string
  /** Every bucket that it touched. They sum to zero. */
  postings: Record<string, string>
  hash: string
}

/** A page of the statement, newest first. */
export interface StatementPage {
  entries: StatementEntry[]
  /** The cursor of the next page; absent at the end. */
  next?: string
}

/** What customers pay at this moment. */
export interface PriceList {
  price_version: string
  prices: Price[]
}

/** One rate of the price book, as callers are shown it. */
export interface Price {
  service_type: ServiceType
  provider: string
  model?: string
  meter?: string
  /** Credits per `per` units, a decimal string; of the first tier, where there are `rules.tiers`. */
  credits: string
  per: number | string
  unit_type: UnitType
  /** Increments, tiers, fees, windows and whatever else applies, as the price book writes them; absent where there are none. */
  rules?: Record<string, unknown>
}

/** A new account. */
export interface CreateAccountRequest {
  name: string
  /** What it begins with. @defaultValue none */
  credits?: CreditAmount
}

/** The account that was opened. */
export interface CreatedAccount {
  account_id: string
}

/** Credits for an account. */
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

/** What a key may use from now on. */
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

/** A new API key of an account. */
export interface CreateKeyRequest {
  account_id: string
  name?: string
  user_id?: string
  /** @defaultValue every service */
  services?: KeyServiceRequest[]
  /** @defaultValue never */
  expires_at?: string
}

/** The key that was made. */
export interface CreatedKey {
  /**
   * The key itself, which is shown once. Absent when this answer was sent again because the first one was lost: the key was made,
   * nobody knows it, and it is best revoked.
   */
  key?: string
  /** What names the key from now on. */
  prefix: string
}

/** How a key gets another secret. */
export interface RotateKeyRequest {
  /** How long the secret of before stays good; 0 after it has leaked. @defaultValue 86_400 (24 hours) */
  grace_seconds?: number
}

/** The key with its new secret. */
export interface RotatedKey {
  /** The key itself, which is shown once. Absent when this answer was sent again because the first one was lost: rotate once more. */
  key?: string
  /** What names the key from now on. Its earlier prefixes lead to it too. */
  prefix: string
  previous_prefix: string
  /** When the secret of before ends. */
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
  /** At most a minute before the latest use; `null`: never used. */
  last_used_at: string | null
  /** Of the secret that the last rotation replaced. */
  previous_prefix: string | null
  previous_expires_at: string | null
}

/** What a key may use. */
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
  /** `null`: no limit. */
  cost_limit_per_request: number | null
}

/** The key that was ended. */
export interface RevokedKey {
  prefix: string
  revoked: true
}

/** What may be spent over a period: by the account, or by one user or key of it, in all or on one service. */
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

/** An RFC 9457 problem: what every error of the API says. */
export interface Problem {
  type: string
  title: string
  status: number
  /** Stable: `INSUFFICIENT_CREDITS`. */
  code: string
  detail: string
  /** Fields that were wrong, for 422. */
  errors?: { field: string; problem: string }[]
  /** Credits that were needed, for 402; a decimal string. */
  needed?: string
  /** Credits that there were, for 402; a decimal string. */
  available?: string
  /** The limit of one request, for 402, as a decimal string; the limit that was reached, for 429. */
  limit?: string | number
  /** Which limit that is, for 429: `requests_per_minute_per_key`. */
  limit_name?: string
  /** What a request is counted in that is too long, how long it is, and what is taken at most, for `REQUEST_TOO_LONG`. */
  unit?: 'tokens' | 'characters'
  length?: number
  most?: number
  /** What the last provider found wrong, for `REQUEST_REJECTED`: `invalid_request`, `content_policy`, `context_too_long`, `unsupported`. */
  kind?: string
  /** The budget that was too small, for 402. */
  budget_id?: string
  /** When that budget starts again. */
  resets_at?: string
  /** Fields in which this request differs from the first one under its idempotency key, for 409. */
  differs?: string[]
  /** Seconds after which it may be tried again. */
  retry_after?: number
  [fact: string]: unknown
}
