import { checkOptionNames, InvalidOptionError } from '@farebox/core'
import type { HistoryRange } from '../history.ts'
import type { Ledger } from '../ledger.ts'
import { CLOUD_EVENT_SOURCE, checkSource } from './cloud-event.ts'
import type { FocusOptions } from './focus-options.ts'

/** `csv` and `focus` are CSV with a header line. `jsonl` and `cloudevents` have one JSON object per line. */
export const exportFormats = ['csv', 'focus', 'jsonl', 'cloudevents'] as const
/** A format in which history can be exported. */
export type ExportFormat = (typeof exportFormats)[number]

/** What to export, and how. */
export interface ExportOptions extends HistoryRange {
  format: ExportFormat
  /** Required for the format `focus`. */
  focus?: FocusOptions
  /** Whether `csv`, `jsonl` and `cloudevents` include what providers charge the host. @defaultValue false */
  includeCosts?: boolean
  /** Called with the number of records in each piece, to show progress. */
  onRecords?: (count: number) => void
  /** Prefix of each CloudEvent's `source`: a URI reference. @defaultValue `urn:farebox` */
  source?: string
}

/** The part of a ledger that exports need. */
export type ExportedLedger = Pick<Ledger<never>, 'history'>

/** The media type of each format, for downloads. */
export const exportMediaTypes: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  focus: 'text/csv; charset=utf-8; header=present',
  jsonl: 'application/x-ndjson',
  cloudevents: 'application/x-ndjson',
}

const known: Record<keyof ExportOptions, true> = {
  accountId: true,
  from: true,
  until: true,
  format: true,
  focus: true,
  includeCosts: true,
  onRecords: true,
  source: true,
}

/** @returns what to export @throws {InvalidOptionError} an option is unknown, or the format, the range or the source is invalid */
export function checkExport(options: ExportOptions): HistoryRange {
  checkOptionNames(options, known, 'an export')
  const { accountId, format, from = 0, until = Number.MAX_SAFE_INTEGER, source = CLOUD_EVENT_SOURCE } = options
  const { includeCosts = false, onRecords } = options
  if (!exportFormats.includes(format)) {
    throw new InvalidOptionError(`format must be one of ${exportFormats.join(', ')}, received ${JSON.stringify(format)}`)
  }
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(until) || from >= until) {
    throw new InvalidOptionError(`from must be before until, in epoch milliseconds: received ${from} and ${until}`)
  }
  // A text would count as true, and `'false'` tell customers what providers charge the host.
  if (typeof includeCosts !== 'boolean')
    throw new InvalidOptionError(`includeCosts must be true or false, received ${JSON.stringify(includeCosts)}`)
  if (onRecords !== undefined && typeof onRecords !== 'function')
    throw new InvalidOptionError(`onRecords must be a function, received ${typeof onRecords}`)
  checkSource(source)
  return { accountId, from, until }
}
