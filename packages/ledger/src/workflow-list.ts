import type { Credits } from '@farebox/core'
import { checkInteger, checkText } from './check-input.ts'
import type { LedgerDriver } from './driver.ts'
import { InvalidInputError } from './errors.ts'
import type { WorkflowState } from './rows.ts'

/** Which workflows of an account are wanted. Times are of their opening, epoch milliseconds. */
export interface WorkflowFilter {
  accountId: string
  /** @defaultValue the beginning */
  from?: number
  /** Exclusive. @defaultValue now */
  to?: number
  name?: string
  state?: WorkflowState
  apiKeyId?: string
  userId?: string
}

/** Where a page of workflows ended. */
export interface WorkflowCursor {
  createdAt: number
  workflowId: string
}

/** A workflow as lists show it. */
export interface WorkflowListing extends WorkflowCursor {
  name: string
  state: WorkflowState
  userId: string | null
  apiKeyId: string | null
  /** Of the key that it was opened with; null without one. */
  apiKeyPrefix: string | null
  spent: Credits
  held: Credits
  closedAt: number | null
}

/** A page of workflows, newest first. */
export interface WorkflowPage {
  workflows: WorkflowListing[]
  /** Give it as `before` to read on; absent at the end. Workflows that are opened meanwhile do not move it. */
  next?: WorkflowCursor
}

const PAGE_MAX = 1_000

const own = ['workflow_id', 'name', 'state', 'user_id', 'api_key_id', 'spent', 'held', 'created_at', 'closed_at'] as const

/** Workflows of an account, newest first, a page at a time: read backwards along the index of when they were opened. */
export async function listWorkflows(
  reads: LedgerDriver,
  { accountId, from, to, name, state, apiKeyId, userId }: WorkflowFilter,
  { before, limit = 100 }: { before?: WorkflowCursor; limit?: number } = {},
): Promise<WorkflowPage> {
  if (checkInteger('limit', limit) < 1 || limit > PAGE_MAX) {
    throw new InvalidInputError('limit', `must be from 1 to ${PAGE_MAX}, received ${limit}`)
  }
  const conditions: [condition: string, ...values: (string | number)[]][] = [
    ['account_id = ?', checkText('accountId', accountId)],
    ...(from === undefined ? [] : [['created_at >= ?', from] as [string, number]]),
    ...(to === undefined ? [] : [['created_at < ?', to] as [string, number]]),
    ...(before ? [['(created_at, workflow_id) < (?, ?)', before.createdAt, before.workflowId] as [string, number, string]] : []),
    ...Object.entries({ name, state, api_key_id: apiKeyId, user_id: userId }).flatMap(([column, value]) =>
      value === undefined ? [] : [[`${column} = ?`, value] as [string, string]],
    ),
  ]
  const page = `SELECT ${own.join(', ')} FROM {workflows} WHERE ${conditions.map(([condition]) => condition).join(' AND ')} ORDER BY created_at DESC, workflow_id DESC LIMIT ?`
  const rows = (await reads.select({
    text: `SELECT ${own.map((column) => `page.${column}`).join(', ')}, api_keys.prefix FROM (${page}) AS page
      LEFT JOIN {api_keys} AS api_keys ON api_keys.account_id = ? AND api_keys.api_key_id = page.api_key_id
      ORDER BY page.created_at DESC, page.workflow_id DESC`,
    values: [...conditions.flatMap(([, ...values]) => values), limit + 1, accountId],
    columns: {
      workflowId: 'text',
      name: 'text',
      state: 'text',
      userId: 'text',
      apiKeyId: 'text',
      spent: 'bigint',
      held: 'bigint',
      createdAt: 'integer',
      closedAt: 'integer',
      apiKeyPrefix: 'text',
    },
  })) as unknown as WorkflowListing[]
  const workflows = rows.slice(0, limit)
  const last = workflows.at(-1)
  return {
    workflows,
    ...(rows.length > limit && last && { next: { createdAt: last.createdAt, workflowId: last.workflowId } }),
  }
}
