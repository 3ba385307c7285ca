import type { UsageRow, WorkflowSummary } from '@farebox/ledger'
import type { Farebox } from 'farebox'
import type { Account } from './account.ts'
import type { Dice } from './dice.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** A part of an account's history. */
type Part = Partial<Record<'apiKeyId' | 'userId' | 'workflowName' | 'service' | 'provider', string>> & {
  from?: number
  to?: number
}

interface Books {
  rows: readonly UsageRow[]
  workflows: ReadonlyMap<string, WorkflowSummary>
}

/** Breakdowns and series of parts of an account's history come to the records of that part. */
export async function checkFigures(box: Farebox, { accountId, keys }: Account, books: Books, dice: Dice): Promise<string[]> {
  const faults: string[] = []
  const { rows } = books
  const some = <Value>(values: Iterable<Value>): Value => dice.pick([...new Set(values)])
  const parts: Part[] = [{}]
  if (rows.length > 0) {
    const times = [some(rows.map(({ createdAt }) => createdAt)), some(rows.map(({ createdAt }) => createdAt))].toSorted(
      (a, b) => a - b,
    )
    parts.push(
      { from: times[0], to: (times[1] ?? 0) + 1 },
      { service: some(rows.map(({ service }) => service)) },
      { provider: some(rows.map(({ provider }) => provider)) },
      { userId: some(['u1', 'u2']) },
      { workflowName: some([...books.workflows.values()].map(({ name }) => name).concat('job')) },
      { apiKeyId: dice.pick(keys).apiKeyId, from: times[0] },
      { userId: 'u1', service: some(rows.map(({ service }) => service)) },
    )
  }
  for (const part of parts) {
    const name = JSON.stringify(part)
    const { services, workflows } = await box.ledger.breakdowns({ accountId, ...part })
    compare(
      `the breakdown by service of ${name}`,
      services.map((one) => [
        `${one.service} ${one.provider} ${one.unit}`,
        `${one.charged} ${one.shortfall} ${one.quantity} ${one.records}`,
      ]),
      servicesOf(rows.filter(isIn(part, books))),
      faults,
    )
    compare(
      `the breakdown by workflow of ${name}`,
      workflows.map(({ name, count, closed, charged }) => [name, `${charged} ${count} ${closed}`]),
      workflowsOf(part, books),
      faults,
    )
  }
  const part = dice.pick(parts)
  const granularity = dice.pick(['hour', 'day', 'week', 'month'] as const)
  const groupBy = dice.pick(['none', 'workflow', 'service', 'provider', 'api_key', 'user'] as const)
  const to = part.to ?? box.now() + 1
  const from = part.from ?? to - 900 * HOUR_MS
  const { entries } = await box.ledger.usageSeries({ accountId, ...part, granularity, groupBy, from, to, limit: 10_000 })
  const prefixes = new Map((await box.ledger.apiKeys(accountId)).map(({ apiKeyId, prefix }) => [apiKeyId, prefix]))
  const labels: Record<typeof groupBy, (row: UsageRow) => string | null> = {
    none: () => null,
    workflow: ({ workflowId }) => books.workflows.get(workflowId ?? '')?.name ?? null,
    service: ({ service }) => service,
    provider: ({ service, provider }) => `${service}_${provider}`,
    api_key: ({ apiKeyId }) => prefixes.get(apiKeyId ?? '') ?? null,
    user: ({ userId }) => userId,
  }
  compare(
    `the series by ${granularity} and ${groupBy} of ${JSON.stringify({ ...part, from, to })}`,
    entries.map(({ startsAt, name, charged, records }) => [`${startsAt} ${name}`, `${charged} ${records}`]),
    sumsOf(
      rows.filter(isIn({ ...part, from, to }, books)),
      (row) => `${bucketOf(granularity, row.createdAt)} ${labels[groupBy](row)}`,
    ).map(([key, { charged, records }]) => [key, `${charged} ${records}`]),
    faults,
  )
  return faults
}

/** Times are extended to whole hours. */
function isIn(
  { from = 0, to = Number.MAX_SAFE_INTEGER, workflowName, ...part }: Part,
  { workflows }: Books,
): (row: UsageRow) => boolean {
  const begin = from - (from % HOUR_MS)
  return (row) =>
    row.createdAt >= begin &&
    row.createdAt - (row.createdAt % HOUR_MS) < to &&
    (workflowName === undefined || workflows.get(row.workflowId ?? '')?.name === workflowName) &&
    Object.entries(part).every(([key, value]) => row[key as keyof UsageRow] === value)
}

interface Sums {
  charged: bigint
  shortfall: bigint
  quantity: bigint
  records: number
}

/** Sums of records, without those of failed attempts alone. Breakdowns by service also have a shortfall of another time that was waived. */
function sumsOf(rows: readonly UsageRow[], keyOf: (row: UsageRow) => string, hasWaived = false): [string, Sums][] {
  const sums = new Map<string, Sums>()
  const used = new Set<string>()
  for (const row of rows) {
    const key = keyOf(row)
    const sum = sums.get(key) ?? { charged: 0n, shortfall: 0n, quantity: 0n, records: 0 }
    if (row.quantity > 0n) used.add(key)
    sum.charged += row.charged
    sum.shortfall += row.shortfall
    sum.quantity += row.quantity
    sum.records += row.corrects === null ? 1 : 0
    sums.set(key, sum)
  }
  return [...sums].filter(
    ([key, { charged, shortfall }]) => used.has(key) || charged !== 0n || shortfall > 0n || (hasWaived && shortfall < 0n),
  )
}

function servicesOf(rows: readonly UsageRow[]): [string, string][] {
  return sumsOf(rows, ({ service, provider, unit }) => `${service} ${provider} ${unit}`, true).map(([key, sum]) => [
    key,
    `${sum.charged} ${sum.shortfall} ${sum.quantity} ${sum.records}`,
  ])
}

/** What was charged counts for who was charged, and a workflow for who opened it. */
function workflowsOf(part: Part, books: Books): [string, string][] {
  const charged = new Map(
    sumsOf(
      books.rows.filter((row) => row.workflowId !== null && isIn(part, books)(row)),
      ({ workflowId }) => books.workflows.get(workflowId ?? '')?.name ?? '',
    ),
  )
  const within = (at: number) =>
    at >= (part.from ?? 0) - ((part.from ?? 0) % HOUR_MS) && at - (at % HOUR_MS) < (part.to ?? Number.MAX_SAFE_INTEGER)
  const counts = new Map<string, [opened: number, closed: number]>()
  for (const { name, userId, apiKeyId, createdAt, closedAt } of books.workflows.values()) {
    if (part.workflowName !== undefined && part.workflowName !== name) continue
    if ((part.userId !== undefined && part.userId !== userId) || (part.apiKeyId !== undefined && part.apiKeyId !== apiKeyId))
      continue
    const [opened, closed] = counts.get(name) ?? [0, 0]
    counts.set(name, [opened + (within(createdAt) ? 1 : 0), closed + (closedAt !== null && within(closedAt) ? 1 : 0)])
  }
  const isByService = part.service !== undefined || part.provider !== undefined
  return [...new Set([...charged.keys(), ...(isByService ? [] : counts.keys())])].flatMap((name): [string, string][] => {
    const [opened, closed] = counts.get(name) ?? [0, 0]
    const sum = charged.get(name)?.charged ?? 0n
    return sum === 0n && opened === 0 && closed === 0 ? [] : [[name, `${sum} ${opened} ${closed}`]]
  })
}

function bucketOf(granularity: 'hour' | 'day' | 'week' | 'month', at: number): number {
  if (granularity === 'hour') return at - (at % HOUR_MS)
  const day = at - (at % DAY_MS)
  if (granularity === 'day') return day
  const date = new Date(day)
  if (granularity === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
  return day - ((date.getUTCDay() + 6) % 7) * DAY_MS
}

function compare(
  what: string,
  told: readonly (readonly [string, string])[],
  due: readonly (readonly [string, string])[],
  faults: string[],
): void {
  const [said, recorded] = [new Map(told), new Map(due)]
  for (const key of new Set([...said.keys(), ...recorded.keys()]))
    if (said.get(key) !== recorded.get(key) && !isNothing(said.get(key), recorded.get(key)))
      faults.push(`${what} says ${said.get(key)} for ${key}, the records ${recorded.get(key)}`)
}

/** A line of zeros may be there or not. */
function isNothing(...lines: (string | undefined)[]): boolean {
  return lines.every((line) => line === undefined || /^[0 ]+$/.test(line))
}
