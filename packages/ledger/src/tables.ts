import {
  decodeAlerts,
  decodeBudgetUses,
  decodeLines,
  decodeLots,
  decodeRollover,
  encodeAlerts,
  encodeBudgetUses,
  encodeLines,
  encodeLots,
  encodeRollover,
} from './row-json.ts'
import type { Rows, TableName } from './rows.ts'

/** How a column is stored. Both databases keep amounts and times in signed 64-bit integers and JSON as text. */
export type ColumnType = 'text' | 'bigint' | 'integer' | 'boolean' | 'json'

/** One column. Its SQL name is the property's name in snake case. */
export interface Column {
  name: string
  property: string
  type: ColumnType
  /** For a counter that may outgrow a 64-bit integer: the column that counts its whole {@link CARRY}s. */
  carriesTo?: string
  /** The type that queries read, if the state machine uses another. */
  readAs?: ColumnType
  /** For `json` columns whose values hold amounts. */
  decode?: (json: unknown) => unknown
  encode?: (value: never) => unknown
}

/**
 * The value of one in a carry column. Ten usage records of the largest quantity or cost exceed a 64-bit integer, and a rollup has
 * to hold the sum of any number of them.
 */
export const CARRY = 1_000_000_000_000_000_000n

/**
 * How changed rows are written. `upsert` replaces the row, `insert` adds a row that never changes, `add` adds the row's
 * counters to those already there, so that a rollup need not be read first.
 */
export type WriteMode = 'upsert' | 'insert' | 'add'

export interface Table<Name extends TableName = TableName> {
  name: Name
  mode: WriteMode
  /** The names of its columns, which are the table's first ones. */
  primaryKey: readonly string[]
  columns: readonly Column[]
}

type ColumnTypes<Row> = { [Property in keyof Row]-?: ColumnType | Omit<Column, 'name' | 'property'> }

function table<Name extends TableName>(
  name: Name,
  mode: WriteMode,
  primaryKey: readonly (keyof Rows[Name] & string)[],
  columns: ColumnTypes<Rows[Name]>,
): Table<Name> {
  return {
    name,
    mode,
    primaryKey: primaryKey.map(snakeCase),
    columns: Object.entries<ColumnType | Omit<Column, 'name' | 'property'>>(columns).map(([property, type]) => ({
      name: columnName(property),
      property,
      ...(typeof type === 'string' ? { type } : type),
    })),
  }
}

const lots = { type: 'json', decode: decodeLots, encode: encodeLots } as const
const budgetUses = { type: 'json', decode: decodeBudgetUses, encode: encodeBudgetUses } as const
const rollover = { type: 'json', decode: decodeRollover, encode: encodeRollover } as const
const alerts = { type: 'json', decode: decodeAlerts, encode: encodeAlerts } as const
const lines = { type: 'json', decode: decodeLines, encode: encodeLines } as const

/** The tables, in the order in which they are written. A driver needs to know nothing else about what the ledger stores. */
export const tables: { readonly [Name in TableName]: Table<Name> } = {
  accounts: table('accounts', 'upsert', ['accountId'], {
    accountId: 'text',
    name: 'text',
    creditLimit: 'bigint',
    debtLimit: 'bigint',
    posted: 'bigint',
    held: 'bigint',
    debt: 'bigint',
    creditHeld: 'bigint',
    nextDueAt: 'integer',
    hasBudgets: 'boolean',
    isFrozen: 'boolean',
    alerts,
    sequence: 'integer',
    chainHash: 'text',
    createdAt: 'integer',
    updatedAt: 'integer',
  }),
  grants: table('grants', 'upsert', ['accountId', 'grantId'], {
    accountId: 'text',
    grantId: 'text',
    source: 'text',
    priority: 'integer',
    amount: 'bigint',
    remaining: 'bigint',
    pinned: 'bigint',
    gone: 'bigint',
    effectiveAt: 'integer',
    expiresAt: 'integer',
    services: 'json',
    rollover,
    state: 'text',
    createdAt: 'integer',
  }),
  holds: table('holds', 'upsert', ['accountId', 'holdId'], {
    accountId: 'text',
    holdId: 'text',
    workflowId: 'text',
    service: 'text',
    provider: 'text',
    apiKeyId: 'text',
    userId: 'text',
    amount: 'bigint',
    remaining: 'bigint',
    rated: 'bigint',
    charged: 'bigint',
    shortfall: 'bigint',
    state: 'text',
    overage: 'text',
    lots,
    budgets: budgetUses,
    createdAt: 'integer',
    expiresAt: 'integer',
    graceMs: 'integer',
    endedAt: 'integer',
  }),
  workflows: table('workflows', 'upsert', ['accountId', 'workflowId'], {
    accountId: 'text',
    workflowId: 'text',
    rootId: 'text',
    parentId: 'text',
    name: 'text',
    businessAdapter: 'text',
    userId: 'text',
    apiKeyId: 'text',
    state: 'text',
    maxCredits: 'bigint',
    spent: 'bigint',
    held: 'bigint',
    reserve: 'bigint',
    lines,
    createdAt: 'integer',
    closedAt: 'integer',
  }),
  usage_records: table('usage_records', 'insert', ['accountId', 'usageId'], {
    accountId: 'text',
    usageId: 'text',
    sequence: 'integer',
    workflowId: 'text',
    holdId: 'text',
    service: 'text',
    provider: 'text',
    model: 'text',
    quantity: 'bigint',
    unit: 'text',
    rated: 'bigint',
    charged: 'bigint',
    shortfall: 'bigint',
    cost: 'bigint',
    certainty: 'text',
    priceVersion: 'text',
    lots,
    apiKeyId: 'text',
    userId: 'text',
    // As long as the rest of a charge together, and the state machine never looks inside, so it is text to it.
    details: { type: 'text', readAs: 'json' },
    corrects: 'text',
    createdAt: 'integer',
  }),
  journal: table('journal', 'insert', ['accountId', 'sequence'], {
    accountId: 'text',
    sequence: 'integer',
    at: 'integer',
    verb: 'text',
    idempotencyKey: 'text',
    content: 'text',
    outcome: 'text',
    postings: 'text',
    hash: 'text',
  }),
  api_keys: table('api_keys', 'upsert', ['accountId', 'apiKeyId'], {
    accountId: 'text',
    apiKeyId: 'text',
    prefix: 'text',
    hash: 'text',
    name: 'text',
    userId: 'text',
    createdAt: 'integer',
    expiresAt: 'integer',
    revokedAt: 'integer',
    previousPrefix: 'text',
    previousHash: 'text',
    previousUntil: 'integer',
    lastUsedAt: 'integer',
  }),
  api_key_services: table('api_key_services', 'upsert', ['accountId', 'id'], {
    accountId: 'text',
    id: 'text',
    apiKeyId: 'text',
    serviceType: 'text',
    provider: 'text',
    enabled: 'boolean',
    costLimitPerRequest: 'bigint',
    createdAt: 'integer',
  }),
  api_key_prefixes: table('api_key_prefixes', 'insert', ['prefix'], {
    prefix: 'text',
    accountId: 'text',
    apiKeyId: 'text',
  }),
  provider_health: table('provider_health', 'upsert', ['processId'], {
    processId: 'text',
    news: 'json',
    toldAt: 'integer',
  }),
  budgets: table('budgets', 'upsert', ['accountId', 'budgetId'], {
    accountId: 'text',
    budgetId: 'text',
    userId: 'text',
    apiKeyId: 'text',
    service: 'text',
    period: 'text',
    timeZone: 'text',
    limit: 'bigint',
    mode: 'text',
    windowStart: 'integer',
    windowEnd: 'integer',
    alertsAtPercent: 'json',
    alertedPercent: 'integer',
    used: 'bigint',
    createdAt: 'integer',
  }),
  documents: table('documents', 'upsert', ['accountId', 'kind', 'documentId'], {
    accountId: 'text',
    kind: 'text',
    documentId: 'text',
    body: 'json',
    createdAt: 'integer',
  }),
  events: table('events', 'upsert', ['accountId', 'eventId'], {
    accountId: 'text',
    eventId: 'text',
    type: 'text',
    data: 'json',
    createdAt: 'integer',
    dueAt: 'integer',
    attempts: 'integer',
    deliveredAt: 'integer',
    error: 'text',
  }),
  usage_rollups: table(
    'usage_rollups',
    'add',
    ['accountId', 'period', 'startsAt', 'service', 'provider', 'unit', 'workflowName', 'apiKeyId', 'userId'],
    {
      accountId: 'text',
      period: 'text',
      startsAt: 'integer',
      service: 'text',
      provider: 'text',
      unit: 'text',
      workflowName: 'text',
      apiKeyId: 'text',
      userId: 'text',
      records: 'bigint',
      quantity: { type: 'bigint', carriesTo: 'quantityCarry' },
      quantityCarry: 'bigint',
      charged: 'bigint',
      shortfall: 'bigint',
      cost: { type: 'bigint', carriesTo: 'costCarry' },
      costCarry: 'bigint',
    },
  ),
  workflow_rollups: table('workflow_rollups', 'add', ['accountId', 'period', 'startsAt', 'workflowName', 'apiKeyId', 'userId'], {
    accountId: 'text',
    period: 'text',
    startsAt: 'integer',
    workflowName: 'text',
    apiKeyId: 'text',
    userId: 'text',
    opened: 'bigint',
    closed: 'bigint',
    durationMs: 'bigint',
    charged: 'bigint',
  }),
}

/**
 * The most holds that one transaction gives back because they are due. The rest is left to the next one: when a process with
 * thousands of holds has died, giving all of them back at once would hold up everybody else for as long as that takes.
 */
export const DUE_AT_ONCE = 128

/**
 * The ways in which the state machine loads rows: by equality of the `by` columns, and only rows that meet `where`. A driver turns
 * each into one statement and needs an index for it.
 */
export const loads = {
  account: { table: 'accounts', by: ['account_id'] },
  /** Grants that can be spent now or later, or that a hold still pins. Others have nothing left. */
  grants: { table: 'grants', by: ['account_id'], where: 'remaining > 0', index: 'grants_open' },
  grant: { table: 'grants', by: ['account_id', 'grant_id'] },
  hold: { table: 'holds', by: ['account_id', 'hold_id'] },
  /** Loaded only for verbs that go through all open holds. */
  openHolds: { table: 'holds', by: ['account_id'], where: `state = 'open'` },
  /** The open holds that are due first, one more than are given back at once. Loaded only if something of the account is due. */
  firstHolds: {
    table: 'holds',
    by: ['account_id'],
    where: `state = 'open'`,
    first: `expires_at + grace_ms LIMIT ${DUE_AT_ONCE + 1}`,
  },
  workflow: { table: 'workflows', by: ['account_id', 'workflow_id'] },
  workflowHolds: { table: 'holds', by: ['account_id', 'workflow_id'], where: `state = 'open'` },
  entry: { table: 'journal', by: ['account_id', 'idempotency_key'] },
  usage: { table: 'usage_records', by: ['account_id', 'usage_id'] },
  corrections: { table: 'usage_records', by: ['account_id', 'corrects'] },
  apiKey: { table: 'api_keys', by: ['account_id', 'api_key_id'] },
  keyServices: { table: 'api_key_services', by: ['account_id', 'api_key_id'], index: 'api_key_services_key' },
  keyPrefix: { table: 'api_key_prefixes', by: ['prefix'] },
  budget: { table: 'budgets', by: ['account_id', 'budget_id'] },
  /** Budgets in which the work of every user and key counts. An account may have thousands of others, so those are read by spender. */
  sharedBudgets: {
    table: 'budgets',
    by: ['account_id'],
    where: 'user_id IS NULL AND api_key_id IS NULL',
    index: 'budgets_user',
  },
  userBudgets: { table: 'budgets', by: ['account_id', 'user_id'], index: 'budgets_user' },
  keyBudgets: { table: 'budgets', by: ['account_id', 'api_key_id'], index: 'budgets_key' },
  event: { table: 'events', by: ['account_id', 'event_id'] },
  document: { table: 'documents', by: ['account_id', 'kind', 'document_id'] },
} as const satisfies Record<string, Load>

/** One way to load rows. */
export interface Load {
  table: TableName
  by: readonly string[]
  where?: string
  /** In which order the rows of a key come, of which there are not all, and how many. */
  first?: string
  /**
   * The index to read by. SQLite keeps no statistics, and would rather read all that an account has by a primary key that begins with
   * the account.
   */
  index?: string
}

export type LoadKind = keyof typeof loads

/** The SQL name of a property's column. `limit` is a reserved word. */
export function columnName(property: string): string {
  return property === 'limit' ? 'credit_limit' : snakeCase(property)
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
