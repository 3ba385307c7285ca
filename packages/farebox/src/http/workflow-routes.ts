import { errorOfRefusal } from '../errors.ts'
import { balanceJson, chargedJson, withoutCosts } from '../receipt.ts'
import type { Workflow } from '../workflow.ts'
import { openedWorkflow, receipt, usageCharged } from './answers.ts'
import { type AccountCall, accountRoute, JsonAnswer, type Route } from './route.ts'
import { emptyBody, openWorkflowBody, usageBody } from './schemas.ts'

export const workflowRoutes: readonly Route[] = [
  accountRoute({
    method: 'post',
    path: '/api/v1/workflows',
    operationId: 'openWorkflow',
    tag: 'workflows',
    summary: 'Open a workflow for work that is done elsewhere',
    body: openWorkflowBody,
    status: 201,
    wireNames: { name: 'workflow_name', reserve: 'reserve_credits' },
    answer: openedWorkflow,
    fails: [402, 403],
    async handle({ box, key, body, idempotencyKey }) {
      const outcome = await box.ledger.openWorkflow({
        accountId: key.accountId,
        name: body.workflow_name,
        businessAdapter: body.business_adapter,
        userId: body.user_id ?? key.userId ?? undefined,
        apiKeyId: key.apiKeyId,
        maxCredits: body.max_credits,
        reserve: body.reserve_credits,
        idempotencyKey,
      })
      if (outcome.status === 'refused') throw errorOfRefusal(outcome)
      return new JsonAnswer(201, { workflow_id: outcome.workflowId })
    },
  }),

  accountRoute({
    method: 'get',
    path: '/api/v1/workflows/:id',
    operationId: 'getWorkflow',
    tag: 'workflows',
    summary: 'What a workflow has cost so far',
    answer: receipt,
    async handle(call) {
      return withoutCosts(await workflowOf(call).receipt())
    },
  }),

  accountRoute({
    method: 'post',
    path: '/api/v1/workflows/:id/usage',
    operationId: 'recordUsage',
    tag: 'workflows',
    summary: 'Charge what a service consumed',
    body: usageBody,
    wireNames: {
      service: 'service_type',
      'usage.quantity': 'units_consumed',
      'usage.unit': 'unit_type',
      // What follows from the price book, and not from what the caller sent.
      'usage.rated': '',
      'usage.cost': '',
      'usage.priceVersion': '',
      usageId: '',
    },
    answer: usageCharged,
    fails: [402, 403],
    async handle(call) {
      const { service_type, provider, units_consumed, unit_type, to, from, call: slicedCall } = call.body
      const { creditsUsed, balance } = await workflowOf(call).record(service_type, provider, units_consumed, unit_type, {
        idempotencyKey: call.idempotencyKey,
        to,
        from,
        call: slicedCall,
      })
      return { credits_used: chargedJson(creditsUsed), credit_balance: balanceJson(balance) }
    },
  }),

  accountRoute({
    method: 'post',
    path: '/api/v1/workflows/:id/close',
    operationId: 'closeWorkflow',
    tag: 'workflows',
    summary: 'Close a workflow and get its receipt',
    body: emptyBody,
    answer: receipt,
    async handle(call) {
      const { box, key, parameters, idempotencyKey } = call
      await box.ledger.closeWorkflow({ accountId: key.accountId, workflowId: parameters.id ?? '', idempotencyKey })
      return withoutCosts(await workflowOf(call).receipt())
    },
  }),
]

function workflowOf({ box, key, parameters }: AccountCall<unknown, unknown>): Workflow {
  return box.workflow({ accountId: key.accountId, workflowId: parameters.id, name: '', apiKey: key, isOpened: true })
}
