import type { Credits } from '@farebox/core'
import { checkInteger, checkSought, checkText } from './check-input.ts'
import type { LedgerDriver } from './driver.ts'
import { InvalidInputError } from './errors.ts'
import { checkFieldNames, type FieldNames } from './known-fields.ts'
import type { WorkflowState } from './rows.ts'
import { columnName } from './tables.ts'

/** Which workflows of an account to list. Times are those of their opening, in epoch milliseconds. */
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

/** A workflow, as lists show it. */
export interface WorkflowListing extends WorkflowCursor {
  name: string
  state: WorkflowState
  userId: string | null
  apiKeyId: string | null
  /** The prefix of the API key that it was opened with. Null if there was none. */
  apiKeyPrefix: string | null
  /** The workflow that it was opened below. */
  parentId: string | null
  /** What was charged to it and its children, which are listed too. */
  spent: Credits
  held: Credits
  closedAt: number | null
}

/** A page of workflows, newest first. If few workflows match the filter, it may be short or empty and still not be the last. */
export interface WorkflowPage {
  workflows: WorkflowListing[]
  /** Pass it as `before` to get the next page. Absent on the last page. Workflows opened meanwhile do not shift it. */
  next?: WorkflowCursor
}

const PAGE_MAX = 1_000

/**
 * The most workflows that one filtered page scans. An index for each filter would slow every write, and a scan of all workflows
 * for a rare match would take seconds.
 */
const LOOKED_AT_MAX = 5_000

const own = [
  'workflow_id',
  'name',
  'state',
  'user_id',
  'api_key_id',
  'parent_id',
  'spent',
  'held',
  'created_at',
  'closed_at',
] as const

const filterFields: FieldNames<WorkflowFilter> = {
  accountId: true,
  from: true,
  to: true,
  name: true,
  state: true,
  apiKeyId: true,
  userId: true,
}

/** Workflows of an account, newest first, a page at a time. Reads backwards along the index on their opening times. */
export async function listWorkflows(
  reads: LedgerDriver,
  filter: WorkflowFilter,
  { before, limit = 100 }: { before?: WorkflowCursor; limit?: number } = {},
): Promise<WorkflowPage> {
  checkFieldNames(filter, filterFields, 'workflows()')
  const { accountId, from, to, name, state, apiKeyId, userId } = filter
  if (checkInteger('limit', limit) < 1 || limit > PAGE_MAX) {
    throw new InvalidInputError('limit', `must be from 1 to ${PAGE_MAX}, received ${limit}`)
  }
  const range: Condition[] = [
    ['account_id = ?', checkText('accountId', accountId)],
    ...(from === undefined ? [] : [['created_at >= ?', checkInteger('from', from)] satisfies Condition]),
    ...(to === undefined ? [] : [['created_at < ?', checkInteger('to', to)] satisfies Condition]),
    ...(before ? [['(created_at, workflow_id) < (?, ?)', ...placeOf(before)] satisfies Condition] : []),
  ]
  const wanted = Object.entries({ name, state, apiKeyId, userId }).flatMap(([field, value]): Condition[] =>
    value === undefined ? [] : [[`${columnName(field)} = ?`, checkSought(field, value)]],
  )
  const inRange = `FROM {workflows} WHERE ${textOf(range)} ${NEWEST_FIRST} LIMIT ?`
  const looked = `SELECT ${own.join(', ')} ${inRange}`
  const page = wanted.length > 0 ? `SELECT * FROM (${looked}) AS looked WHERE ${textOf(wanted)} ${NEWEST_FIRST} LIMIT ?` : looked
  const limits = wanted.length > 0 ? [LOOKED_AT_MAX, ...valuesOf(wanted), limit + 1] : [limit + 1]
  const rows = (await reads.select({ text: page, values: [...valuesOf(range), ...limits], columns })) as unknown as Listed[]
  const prefixes = await prefixesOf(reads, accountId, rows)
  const workflows = rows.slice(0, limit).map((row) => ({ ...row, apiKeyPrefix: prefixes.get(row.apiKeyId ?? '') ?? null }))
  const last = workflows.at(-1)
  if (rows.length > limit && last) return { workflows, next: { createdAt: last.createdAt, workflowId: last.workflowId } }
  if (wanted.length === 0) return { workflows }
  const [place] = (await reads.select({
    text: `SELECT created_at, workflow_id ${inRange} OFFSET ?`,
    values: [...valuesOf(range), 1, LOOKED_AT_MAX - 1],
    columns: { createdAt: 'integer', workflowId: 'text' },
  })) as unknown as WorkflowCursor[]
  return { workflows, ...(place && { next: place }) }
}

function placeOf({ createdAt, workflowId }: WorkflowCursor): [createdAt: number, workflowId: string] {
  return [checkInteger('before.createdAt', createdAt), checkSought('before.workflowId', workflowId)]
}

type Listed = Omit<WorkflowListing, 'apiKeyPrefix'>

/** The prefixes of the API keys that workflows were opened with, by key id. */
async function prefixesOf(reads: LedgerDriver, accountId: string, workflows: readonly Listed[]): Promise<Map<string, string>> {
  const ids = [...new Set(workflows.flatMap(({ apiKeyId }) => apiKeyId ?? []))]
  if (ids.length === 0) return new Map()
  const keys = await reads.select({
    text: 'SELECT api_key_id, prefix FROM {api_keys} WHERE account_id = ? AND api_key_id = ANY(?)',
    values: [accountId, ids],
    columns: { apiKeyId: 'text', prefix: 'text' },
  })
  return new Map(keys.map(({ apiKeyId, prefix }) => [String(apiKeyId), String(prefix)]))
}

/** Part of a `WHERE` clause, with its values. */
type Condition = [text: string, ...values: (string | number)[]]

const NEWEST_FIRST = 'ORDER BY created_at DESC, workflow_id DESC'

function textOf(conditions: readonly Condition[]): string {
  return conditions.map(([text]) => text).join(' AND ')
}

function valuesOf(conditions: readonly Condition[]): (string | number)[] {
  return conditions.flatMap(([, ...values]) => values)
}

const columns = {
  workflowId: 'text',
  name: 'text',
  state: 'text',
  userId: 'text',
  apiKeyId: 'text',
  parentId: 'text',
  spent: 'bigint',
  held: 'bigint',
  createdAt: 'integer',
  closedAt: 'integer',
} as const
