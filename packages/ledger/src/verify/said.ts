import { fieldText } from '../machine/content.ts'
import type { Findings } from './report.ts'

/** What an entry says, field by field. An entry that was tampered with may say anything. */
export type Said = Readonly<Record<string, unknown>>

export function said(of: unknown): Said {
  return typeof of === 'object' && of !== null ? (of as Said) : {}
}

/** Compares fields that an entry names with those of a row. What the entry leaves out is null there. */
export function compareTerms<Row extends object>(
  findings: Findings,
  { id, entry, row, names }: { id: string; entry: Said; row: Row; names: readonly (keyof Row & string)[] },
): void {
  for (const name of names) {
    const value = row[name]
    const found = value === null ? 'none' : fieldText(value)
    findings.expect('terms', () => `${id} ${name}`, String(entry[name] ?? 'none'), found)
  }
}
