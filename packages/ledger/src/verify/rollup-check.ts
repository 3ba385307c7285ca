import { getOrInsert } from '../machine/get-or-insert.ts'
import { RollupSums } from '../machine/rollup-sums.ts'
import type { Rows, UsageRow, WorkflowRow } from '../rows.ts'
import { CARRY, tables } from '../tables.ts'
import type { Findings } from './report.ts'
import type { WorkflowFacts } from './workflow-check.ts'

type RollupTable = 'usage_rollups' | 'workflow_rollups'

/** Checks the rollups that breakdowns read against usage records and workflows, by hour and day and in every dimension. */
export class RollupCheck {
  readonly #usage = new RollupSums('usage_rollups')
  readonly #workflows = new RollupSums('workflow_rollups')

  addUsage(record: UsageRow, workflow: WorkflowFacts | undefined): void {
    const { service, provider, unit, quantity, charged, shortfall, createdAt } = record
    const whose = whoseOf(record, workflow?.name)
    const counts = { records: record.corrects === null ? 1n : 0n, quantity, charged, shortfall, cost: record.cost ?? 0n }
    this.#usage.add(createdAt, { ...whose, service, provider, unit, ...counts })
    if (workflow) this.#workflows.add(createdAt, { ...whose, ...none, charged })
  }

  addWorkflow(workflow: WorkflowRow): void {
    const { name, createdAt, closedAt } = workflow
    const whose = whoseOf(workflow, name)
    this.#workflows.add(createdAt, { ...whose, ...none, opened: 1n })
    if (closedAt !== null)
      this.#workflows.add(closedAt, { ...whose, ...none, closed: 1n, durationMs: BigInt(closedAt - createdAt) })
  }

  /** The comparison of one table: give it the stored rows, and end it. */
  of<Name extends RollupTable>(name: Name): RollupComparison {
    const comparison = new RollupComparison(name)
    for (const row of name === 'usage_rollups' ? this.#usage.rows : this.#workflows.rows) comparison.expected(row)
    return comparison
  }
}

/** Compares each counter in two lists of rollups. A missing one counts as zero. */
export class RollupComparison {
  readonly #sums = new Map<string, [expected: bigint, found: bigint]>()
  readonly #dimensions: readonly string[]
  readonly #counters: readonly { counts: string; property: string; times: bigint }[]

  constructor(name: RollupTable) {
    const { columns } = tables[name]
    const carriers = new Map(columns.map(({ property, carriesTo }) => [carriesTo, property]))
    this.#dimensions = columns
      .filter(({ type, property }) => type !== 'bigint' && property !== 'accountId')
      .map(({ property }) => property)
    this.#counters = columns
      .filter(({ type }) => type === 'bigint')
      .map(({ property }) => {
        const carrier = carriers.get(property)
        return { counts: carrier ?? property, property, times: carrier === undefined ? 1n : CARRY }
      })
  }

  expected(row: Rows[RollupTable]): void {
    this.#add(row, 0)
  }

  found(row: Rows[RollupTable]): void {
    this.#add(row, 1)
  }

  end(findings: Findings): void {
    for (const [at, pair] of this.#sums) findings.expect('rollup', () => at.replaceAll('\0', ' '), ...pair)
  }

  #add(row: object, which: 0 | 1): void {
    const rollup = row as Record<string, unknown>
    const where = this.#dimensions.map((property) => rollup[property]).join('\0')
    for (const { counts, property, times } of this.#counters) {
      const pair = getOrInsert(this.#sums, `${where}\0${counts}`, (): [bigint, bigint] => [0n, 0n])
      pair[which] += (rollup[property] as bigint) * times
    }
  }
}

const none = { opened: 0n, closed: 0n, durationMs: 0n, charged: 0n }

function whoseOf(
  { accountId, apiKeyId, userId }: Pick<WorkflowRow, 'accountId' | 'apiKeyId' | 'userId'>,
  workflowName = '',
): Pick<Rows['workflow_rollups'], 'accountId' | 'workflowName' | 'apiKeyId' | 'userId'> {
  return { accountId, workflowName, apiKeyId: apiKeyId ?? '', userId: userId ?? '' }
}
