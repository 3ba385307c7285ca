import { decodeEntry } from '../machine/journal.ts'
import type { EntryRow, WorkflowRow } from '../rows.ts'
import type { Findings } from './report.ts'
import { compareTerms, type Said, said } from './said.ts'

const terms = ['name', 'businessAdapter', 'parentId', 'userId', 'apiKeyId', 'maxCredits', 'createdAt'] as const

/** The entries that say something of the terms of a workflow. */
export const ENTRIES_OF_WORKFLOWS = `verb IN ('openWorkflow', 'closeWorkflow')`

/**
 * Checks the workflows of one part of an account against the entries that opened and closed them: a raised ceiling, or a workflow that
 * is open again, lets work through that adds up. Of those that a hold or a charge opened or closed, no entry says how.
 */
export class WorkflowTerms {
  readonly #findings: Findings
  readonly #opened = new Map<string, Said>()
  readonly #closed = new Set<string>()

  constructor(findings: Findings) {
    this.#findings = findings
  }

  add(entry: EntryRow, isOfPart: (workflowId: string) => boolean): void {
    if (entry.verb !== 'openWorkflow' && entry.verb !== 'closeWorkflow') return
    const { content, ...decoded } = decodeEntry(entry)
    const { workflowId, reserved } = said(decoded.outcome)
    if (typeof workflowId !== 'string' || !isOfPart(workflowId)) return
    if (entry.verb === 'closeWorkflow') this.#closed.add(workflowId)
    else this.#opened.set(workflowId, { ...said(content), createdAt: String(entry.at), reserve: reserved })
  }

  check(row: WorkflowRow): void {
    const { workflowId, state } = row
    const opened = this.#opened.get(workflowId)
    if (opened) compareTerms(this.#findings, { id: workflowId, entry: opened, row, names: [...terms, 'reserve'] })
    if (this.#closed.has(workflowId)) this.#findings.expect('terms', () => `${workflowId} state`, 'closed', state)
  }
}
