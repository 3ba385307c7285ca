import type { Ledger, WorkflowFilter } from '@farebox/ledger'
import { type RecordedCall, recordedCalls } from './recorded-call.ts'

/** A workflow with its calls. */
export interface RecordedWorkflow {
  accountId: string
  workflowId: string
  name: string
  calls: RecordedCall[]
}

/** What has been read so far. */
export interface ReplayProgress {
  accountId: string
  workflows: number
  calls: number
}

export interface ReadOptions {
  /** The number of calls after which no further page of workflows is read. @defaultValue no limit */
  callsMax?: number
  onProgress?: (progress: ReplayProgress) => void
  signal?: AbortSignal
}

const PAGE = 100

/**
 * Reads the workflows of an account and their usage, newest first, a page at a time.
 *
 * @returns whether all of them were read
 */
export async function* readWorkflows(
  ledger: Ledger,
  filter: WorkflowFilter,
  { callsMax = Number.POSITIVE_INFINITY, onProgress, signal }: ReadOptions = {},
): AsyncGenerator<RecordedWorkflow, boolean, undefined> {
  const { accountId } = filter
  let [workflows, calls] = [0, 0]
  for (let before: Parameters<Ledger['workflows']>[1] = {}; ; ) {
    signal?.throwIfAborted()
    const page = await ledger.workflows(filter, { ...before, limit: PAGE })
    const records = await ledger.usageOfWorkflows(
      accountId,
      page.workflows.map(({ workflowId }) => workflowId),
    )
    for (const { workflowId, name } of page.workflows) {
      const workflow = { accountId, workflowId, name, calls: await recordedCalls(records.get(workflowId) ?? []) }
      workflows += 1
      calls += workflow.calls.length
      yield workflow
    }
    onProgress?.({ accountId, workflows, calls })
    if (!page.next) return true
    if (calls >= callsMax) return false
    before = { before: page.next }
  }
}
