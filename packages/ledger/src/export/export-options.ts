import { InvalidOptionError } from '@farebox/core'
import type { HistoryRange } from '../history.ts'
import type { Ledger } from '../ledger.ts'
import { CLOUD_EVENT_SOURCE, checkSource } from './cloud-event.ts'
import type { FocusOptions } from './focus-options.ts'

/** `csv` and `focus` are CSV with a line of names, `jsonl` and `cloudevents` a JSON object on each line. */
export const exportFormats = ['csv', 'focus', 'jsonl', 'cloudevents'] as const
/** A form that history can be exported in. */
export type ExportFormat = (typeof exportFormats)[number]

/** What is exported, and how. */
export interface ExportOptions extends HistoryRange {
  format: ExportFormat
  /** Needed by the format `focus`. */
  focus?: FocusOptions
  /** Whether what providers charge us is told in `csv`, `jsonl` and `cloudevents`. @defaultValue false */
  includeCosts?: boolean
  /** Told how many records each piece holds: for those who wait. */
  onRecords?: (count: number) => void
  /** Begins the `source` of CloudEvents: a URI reference. @defaultValue `urn:farebox` */
  source?: string
}

/** The ledger, as far as exports need it. */
export type ExportedLedger = Pick<Ledger<never>, 'history'>

/** What a download of a format is. */
export const exportMediaTypes: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  focus: 'text/csv; charset=utf-8; header=present',
  jsonl: 'application/x-ndjson',
  cloudevents: 'application/x-ndjson',
}

/** @throws {InvalidOptionError} the format or the range is none */
export function checkExport({
  format,
  from = 0,
  until = Number.MAX_SAFE_INTEGER,
  source = CLOUD_EVENT_SOURCE,
}: ExportOptions): void {
  if (!exportFormats.includes(format)) {
    throw new InvalidOptionError(`format must be one of ${exportFormats.join(', ')}, received ${JSON.stringify(format)}`)
  }
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(until) || from >= until) {
    throw new InvalidOptionError(`from must be before until, in epoch milliseconds: received ${from} and ${until}`)
  }
  checkSource(source)
}
