import { formatCredits } from '@farebox/core'
import type { WorkflowListing } from '@farebox/ledger'
import { z } from 'zod'
import type { Charge } from '../charges-of.ts'
import { decisionJson } from '../decision-json.ts'
import { errorOfRefusal } from '../errors.ts'
import type { Farebox } from '../farebox.ts'
import { balanceJson, chargedFields, withoutCosts } from '../receipt.ts'
import type { Workflow } from '../workflow.ts'
import { openedWorkflow, receipt, usageCharged, workflowPage } from './answers.ts'
import { placeText, readCursor, writeCursor } from './cursor.ts'
import { customerKey } from './customer-key.ts'
import { InvalidBodyError } from './http-errors.ts'
import { instantJson } from './instant-json.ts'
import { type AccountCall, accountRoute, changed, type Route, readRoute } from './route.ts'
import { workflowDetails } from './routing-answers.ts'
import { emptyBody, emptyQuery, openWorkflowBody, usageBody, workflowsQuery } from './schemas.ts'
import { apiKeyIdOf } from './usage-routes.ts'

/** Where a page of workflows ended: when the last one was opened, and its id. */
const workflowPlace = z.tuple([z.number().int().min(0), placeText])

/** The most charges that a workflow's answer lists. */
const CHARGES_MAX = 1_000

export const workflowRoutes: readonly Route[] = [
  accountRoute({
    method: 'post',
    path: '/api/v1/workflows',
    operationId: 'openWorkflow',
    tag: 'workflows',
    summary: 'Open a workflow for work that is done outside Farebox',
    body: openWorkflowBody,
    status: 201,
    wireNames: { name: 'workflow_name', reserve: 'reserve_credits' },
    answer: openedWorkflow,
    fails: [402, 403],
    async handle({ box, key, body, idempotencyKey }) {
      if (body.user_id !== undefined && key.userId !== null && body.user_id !== key.userId) {
        const problem = `must be ${JSON.stringify(key.userId)}, whose API key this is, or left out`
        throw new InvalidBodyError([{ field: 'user_id', problem }])
      }
      const outcome = await box.ledger.openWorkflow({
        accountId: key.accountId,
        name: body.workflow_name,
        businessAdapter: body.business_adapter,
        userId: body.user_id ?? key.userId ?? undefined,
        apiKeyId: key.apiKeyId,
        maxCredits: body.max_credits,
        reserve: body.reserve_credits,
        idempotencyKey: customerKey(idempotencyKey),
      })
      if (outcome.status === 'refused') throw errorOfRefusal(outcome)
      return changed(201, { workflow_id: outcome.workflowId }, { idempotencyKey, replayed: outcome.replayed })
    },
  }),

  readRoute({
    method: 'get',
    path: '/api/v1/workflows',
    operationId: 'listWorkflows',
    tag: 'workflows',
    summary: 'List the workflows of the account, newest first',
    query: workflowsQuery,
    answer: workflowPage,
    async handle({ box, accountId, query }) {
      const { from, to, state, limit } = query
      const list = ['workflows', accountId]
      const place = readCursor(list, workflowPlace, query.cursor)
      const { workflows, next } = await box.ledger.workflows(
        {
          accountId,
          from,
          to,
          state,
          name: query.workflow_name,
          userId: query.user_id,
          apiKeyId: await apiKeyIdOf(box, accountId, query.api_key),
        },
        { limit, ...(place && { before: { createdAt: place[0], workflowId: place[1] } }) },
      )
      return { workflows: workflows.map(listingJson), next_cursor: writeCursor(list, next && [next.createdAt, next.workflowId]) }
    },
  }),

  readRoute({
    method: 'get',
    path: '/api/v1/workflows/:id',
    operationId: 'getWorkflow',
    tag: 'workflows',
    summary: 'Get the cost of a workflow so far, its attempts, and the decisions that chose its providers',
    query: emptyQuery,
    answer: workflowDetails,
    async handle({ box, accountId, key, parameters }) {
      const workflow = box.workflow({ accountId, workflowId: parameters.id, name: '', apiKey: key, isOpened: true })
      const { summary, receipt: spent, decisions, charges } = await workflow.overview()
      // What providers charge is the host's business, not its customers'.
      const isHost = key === undefined
      return {
        ...(isHost ? spent : withoutCosts(spent)),
        state: summary.state,
        created_at: instantJson(summary.createdAt),
        closed_at: instantJson(summary.closedAt),
        user_id: summary.userId,
        api_key: await prefixOf(box, accountId, summary.apiKeyId),
        decisions: decisions.map((decision) => decisionJson(decision, { isHost })),
        // Only the operator gives credits back.
        ...(isHost && { charges: charges.slice(-CHARGES_MAX).map(chargeJson) }),
      }
    },
  }),

  accountRoute({
    method: 'post',
    path: '/api/v1/workflows/:id/usage',
    operationId: 'recordUsage',
    tag: 'workflows',
    summary: 'Record usage of a service outside Farebox, and charge for it',
    body: usageBody,
    wireNames: {
      service: 'service_type',
      'usage.quantity': 'units_consumed',
      'usage.unit': 'unit_type',
      // These follow from the price book, not from what the caller sent.
      'usage.rated': '',
      'usage.cost': '',
      'usage.priceVersion': '',
      usageId: '',
    },
    answer: usageCharged,
    fails: [402, 403],
    async handle(call) {
      const { service_type, provider, units_consumed, unit_type, to, from, call: slicedCall } = call.body
      let replayed = false
      const { creditsUsed, balance } = await workflowOf(call).record(service_type, provider, units_consumed, unit_type, {
        idempotencyKey: customerKey(call.idempotencyKey),
        to,
        from,
        call: slicedCall,
        onReplayed: () => {
          replayed = true
        },
      })
      const answer = { ...chargedFields('credits_used', creditsUsed), credit_balance: balanceJson(balance) }
      return changed(200, answer, { idempotencyKey: call.idempotencyKey, replayed })
    },
  }),

  accountRoute({
    method: 'post',
    path: '/api/v1/workflows/:id/close',
    operationId: 'closeWorkflow',
    tag: 'workflows',
    summary: 'Close a workflow and get its receipt. Calls still under way in it are charged when they end',
    body: emptyBody,
    answer: receipt,
    async handle(call) {
      const { box, key, parameters, idempotencyKey } = call
      const { replayed } = await box.ledger.closeWorkflow({
        accountId: key.accountId,
        workflowId: parameters.id ?? '',
        // Or a caller could give back what is held for their own calls, and spend it on others meanwhile.
        keepsHolds: true,
        idempotencyKey: customerKey(idempotencyKey),
      })
      return changed(200, withoutCosts(await workflowOf(call).receipt()), { idempotencyKey, replayed })
    },
  }),
]

async function prefixOf(box: Farebox, accountId: string, apiKeyId: string | null): Promise<string | null> {
  if (apiKeyId === null) return null
  const keys = await box.ledger.apiKeys(accountId)
  return keys.find((key) => key.apiKeyId === apiKeyId)?.prefix ?? null
}

function workflowOf({ box, key, parameters }: AccountCall<unknown, unknown>): Workflow {
  return box.workflow({ accountId: key.accountId, workflowId: parameters.id, name: '', apiKey: key, isOpened: true })
}

function chargeJson({ record, refundable }: Charge) {
  return {
    usage_id: record.usageId,
    service_type: record.service,
    provider: record.provider,
    model: record.model,
    charged_at: instantJson(record.createdAt),
    credits_charged: formatCredits(record.charged),
    credits_refundable: formatCredits(refundable),
  }
}

function listingJson(workflow: WorkflowListing) {
  return {
    workflow_id: workflow.workflowId,
    workflow_name: workflow.name,
    state: workflow.state,
    ...chargedFields('total_credits_used', workflow.spent),
    ...chargedFields('held', workflow.held),
    created_at: instantJson(workflow.createdAt),
    closed_at: instantJson(workflow.closedAt),
    user_id: workflow.userId,
    api_key: workflow.apiKeyPrefix,
    ...(workflow.parentId !== null && { parent_workflow_id: workflow.parentId }),
  }
}
