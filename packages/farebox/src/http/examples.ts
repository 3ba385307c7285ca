import type { WireAnswers, WireRequests } from './components.ts'

const services = [
  { service_type: 'gpt', provider: 'gpt-4o-mini', units_consumed: 3_000, unit_type: 'tokens' as const, credits_used: 3 },
  { service_type: 'phone', provider: 'twilio', units_consumed: 5, unit_type: 'minutes' as const, credits_used: 100 },
]
const workflowId = '0198c3f4-7a30-7c55-9d1e-3f2a5b6c7d8e'
const receipt = {
  workflow_id: workflowId,
  workflow_name: 'emergency_call',
  services_used: services,
  total_credits_used: 103,
  price_versions: ['default@1'],
  duration: 301.2,
}
const accountId = '0198c3f4-1111-7c55-9d1e-3f2a5b6c7d8e'
const usageId = '0198c3f4-3333-7c55-9d1e-3f2a5b6c7d8e'

/** The examples of requests and answers in the OpenAPI document. */
export const examples: Partial<WireRequests & WireAnswers> = {
  CreateAgentRequest: {
    business_logic_adapter: 'emergencyservices',
    custom_settings: { service_configuration: { primary_ai_model: 'gpt-4o', max_credits_per_request: 200 } },
  },
  ChatRequest: { message: 'When do you open?', workflow_name: 'support' },
  ChatAnswer: { text: 'At nine.', provider: 'gpt-4o-mini', receipt },
  ChatEvent: { type: 'text', text: 'At ' },
  CallRequest: { to: '+15551234567', message: 'Your order has arrived.', max_minutes: 2 },
  CallAnswer: { call_id: 'CA0123456789abcdef', status: 'completed', duration_seconds: 300, receipt },
  OpenWorkflowRequest: { workflow_name: 'emergency_call', max_credits: 200 },
  OpenedWorkflow: { workflow_id: workflowId },
  UsageRequest: { service_type: 'phone', provider: 'twilio', units_consumed: 5, unit_type: 'minutes' },
  UsageCharged: { credits_used: 100, credit_balance: 9_900 },
  Receipt: receipt,
  EstimateRequest: { ai_tokens: 3_000, phone_minutes: 5 },
  CreateAccountRequest: { name: 'Ada', credits: 10_000 },
  CreatedAccount: { account_id: accountId },
  GrantRequest: { account_id: accountId, credits: 500, source: 'promo', expires_at: '2030-01-31T12:00:00Z' },
  RefundRequest: { account_id: accountId, usage_id: usageId, credits: 2, reason: 'the answer was cut' },
  Refunded: {
    refund_id: '0198c3f4-4444-7c55-9d1e-3f2a5b6c7d8e',
    usage_id: usageId,
    credits_refunded: '2',
    credits_refundable: '1',
    credit_balance: 9_899,
  },
  FreezeRequest: { reason: 'the payment was reversed' },
  CreateKeyRequest: { account_id: accountId, services: ['gpt', { service_type: 'phone', cost_limit_per_request: 100 }] },
  CreatedKey: { key: 'fbx_…', prefix: 'Zm9vYmFy' },
  BudgetRequest: { account_id: accountId, period: 'day', credits: 1_000 },
  CreatedBudget: { budget_id: '0198c3f4-2222-7c55-9d1e-3f2a5b6c7d8e' },
  Problem: {
    type: 'urn:farebox:problem:insufficient-credits',
    title: 'Not enough credits',
    status: 402,
    code: 'INSUFFICIENT_CREDITS',
    detail: 'this request needs 103 credits, 50 are available',
    needed: '103',
    available: '50',
  },
}
