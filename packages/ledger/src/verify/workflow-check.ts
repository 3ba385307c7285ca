import { getOrInsert } from '../machine/get-or-insert.ts'
import type { HoldRow, UsageRow, WorkflowLine, WorkflowRow } from '../rows.ts'
import type { Findings } from './report.ts'
import { add } from './sums.ts'

/** What a verification remembers of a workflow. */
export type WorkflowFacts = Pick<
  WorkflowRow,
  'workflowId' | 'name' | 'parentId' | 'reserve' | 'userId' | 'apiKeyId' | 'createdAt'
>

/** What a receipt line sums up. */
interface LineSums {
  charged: bigint
  shortfall: bigint
  rated: bigint
  quantity: bigint
  'uncounted rated': bigint
  'uncounted billed': bigint
}

/** What is spent and held in a workflow and below it. */
type Envelope = Pick<WorkflowRow, 'workflowId' | 'spent' | 'held'>

/**
 * Checks receipts against usage records, and envelopes against what is spent and held in and below them. It knows the workflows of
 * one part of an account at a time, and those that have children all the time, because what their children do counts in them.
 */
export class WorkflowCheck {
  readonly #findings: Findings
  readonly #parentIds: ReadonlySet<string>
  readonly #parents = new Map<string, WorkflowFacts>()
  readonly #stored: Envelope[] = []
  readonly #parentsSpent = new Map<string, bigint>()
  readonly #parentsHeld = new Map<string, bigint>()
  #known = new Map<string, WorkflowFacts>()
  #spent = new Map<string, bigint>()
  #held = new Map<string, bigint>()
  #lines = new Map<string, LineSums>()

  /** @param parentIds  the workflows that have children */
  constructor(parentIds: ReadonlySet<string>, findings: Findings) {
    this.#parentIds = parentIds
    this.#findings = findings
  }

  addParent(row: WorkflowRow): void {
    if (this.#parentIds.has(row.workflowId)) this.#parents.set(row.workflowId, factsOf(row))
  }

  /** Adds a workflow of this part. */
  add(row: WorkflowRow): void {
    this.#known.set(row.workflowId, this.#parents.get(row.workflowId) ?? factsOf(row))
  }

  /** A workflow of this part. */
  known(workflowId: string | null): WorkflowFacts | undefined {
    return this.#known.get(workflowId ?? '')
  }

  /** A workflow of this part, and those above it. A circle of them, which only tampering makes, ends. */
  *upwards(workflowId: string | null): Generator<WorkflowFacts> {
    let next = this.known(workflowId)
    for (let steps = 0; next && steps <= this.#parents.size; steps++) {
      yield next
      next = this.#parents.get(next.parentId ?? '')
    }
  }

  addOpenHold({ workflowId, remaining }: HoldRow): void {
    this.#addTo(this.#held, this.#parentsHeld, workflowId, remaining)
  }

  /** @param uncounted  what corrections of this record have added that does not count in the price of further usage */
  addUsage(record: UsageRow, uncounted: { rated: bigint; billed: bigint } | undefined): void {
    const { workflowId, charged, shortfall, rated, quantity } = record
    if (workflowId === null) return
    this.#addTo(this.#spent, this.#parentsSpent, workflowId, charged)
    const line = getOrInsert(this.#lines, nameOf(workflowId, record), nothing)
    line.charged += charged
    line.shortfall += shortfall
    line.rated += rated
    line.quantity += quantity
    line['uncounted rated'] += uncounted?.rated ?? 0n
    line['uncounted billed'] += uncounted?.billed ?? 0n
  }

  /** Checks a workflow of this part, once all of its usage has been added. */
  check({ workflowId, spent, held, lines }: WorkflowRow): void {
    if (this.#parentIds.has(workflowId)) this.#stored.push({ workflowId, spent, held })
    else this.#checkEnvelope({ workflowId, spent, held }, this.#spent, this.#held)
    for (const line of lines) {
      const name = nameOf(workflowId, line)
      const sums = this.#lines.get(name) ?? nothing()
      this.#lines.delete(name)
      const { service, provider, uncounted } = line
      const stored = { ...line, 'uncounted rated': uncounted?.rated ?? 0n, 'uncounted billed': uncounted?.billed ?? 0n }
      for (const property of sumNames) {
        const at = () => `${workflowId} ${service} ${provider} ${property}`
        this.#findings.expect('workflow', at, sums[property], stored[property])
      }
    }
  }

  /** Ends this part: what is left is of lines that no receipt has. */
  endPart(): void {
    for (const [name, sums] of this.#lines) {
      for (const property of sumNames) {
        this.#findings.expect('workflow', `${name}\0${property}`.replaceAll('\0', ' '), sums[property], 0n)
      }
    }
    this.#known = new Map()
    this.#spent = new Map()
    this.#held = new Map()
    this.#lines = new Map()
  }

  /** Checks the workflows that have children, once all parts have ended. */
  end(): void {
    for (const envelope of this.#stored) this.#checkEnvelope(envelope, this.#parentsSpent, this.#parentsHeld)
  }

  #checkEnvelope(
    { workflowId, spent, held }: Envelope,
    spentSums: ReadonlyMap<string, bigint>,
    heldSums: ReadonlyMap<string, bigint>,
  ): void {
    this.#findings.expect('workflow', workflowId, spentSums.get(workflowId) ?? 0n, spent)
    this.#findings.expect('workflow', workflowId, heldSums.get(workflowId) ?? 0n, held)
  }

  #addTo(sums: Map<string, bigint>, parentsSums: Map<string, bigint>, workflowId: string | null, amount: bigint): void {
    for (const { workflowId: id } of this.upwards(workflowId)) add(this.#parentIds.has(id) ? parentsSums : sums, id, amount)
  }
}

const sumNames = ['charged', 'shortfall', 'rated', 'quantity', 'uncounted rated', 'uncounted billed'] as const

function nothing(): LineSums {
  return { charged: 0n, shortfall: 0n, rated: 0n, quantity: 0n, 'uncounted rated': 0n, 'uncounted billed': 0n }
}

function nameOf(workflowId: string, { service, provider, unit }: Pick<WorkflowLine, 'service' | 'provider' | 'unit'>): string {
  return `${workflowId}\0${service}\0${provider}\0${unit}`
}

function factsOf({ workflowId, name, parentId, reserve, userId, apiKeyId, createdAt }: WorkflowRow): WorkflowFacts {
  return { workflowId, name, parentId, reserve, userId, apiKeyId, createdAt }
}
