import { CsvError, parse } from 'csv-parse/sync'
import type { EntryDocument, ImportedPrices, ImportSource, NotTaken } from './imported-prices.ts'

/** The columns of Twilio's `OutboundVoicePricing.csv`, in lower case. */
const COLUMNS = {
  country: 'country',
  description: 'description',
  price: 'price / min',
  from: 'origination prefixes',
  to: 'destination prefixes',
} as const
type Column = keyof typeof COLUMNS

/** How to read Twilio's voice price list. */
export interface TwilioImport extends ImportSource {
  /** Billing increments in seconds, if a contract differs: the minimum, then the step. @defaultValue 60 and 60, whole minutes */
  increment?: { first: string; next: string }
}

/** Values that mean "any number" in the caller column. `ROW` is the rest of the world. */
const ANYWHERE = new Set(['', 'ALL', 'ROW'])

/**
 * Converts Twilio's voice price list into a phone deck: usually one entry per row, found by the longest prefix of the number
 * called and of the number called from. Calls are billed by started minutes, as Twilio does unless a contract says otherwise.
 *
 * A row without prefixes or a price is reported and skipped. If two rows price the same numbers differently, the first one wins
 * and the conflict is reported. If they agree, the numbers are imported once. A row's other numbers are imported either way.
 */
export function importTwilioVoice(csv: string, options: TwilioImport): ImportedPrices {
  const notTaken: NotTaken[] = []
  const entries: EntryDocument[] = []
  const rows = readCsv(csv)
  if (typeof rows === 'string') return { entries, notTaken: [{ row: 'the file', reason: rows }] }
  const [header = [], ...lines] = rows
  const column = columnsOf(header)
  if (!column) {
    const missing = Object.values(COLUMNS).filter((name) => !header.some((cell) => cell.toLowerCase() === name))
    return { entries, notTaken: [{ row: 'line 1', reason: `the header lacks ${missing.join(', ')}` }] }
  }
  const owners = new Map<string, { line: number; amount: string }>()
  for (const [index, cells] of lines.entries()) {
    const line = index + 2
    const row = `line ${line}`
    const refuse = (reason: string, field?: string) => notTaken.push({ row, ...(field && { field }), reason })
    const amount = priceOf(cells[column.price] ?? '')
    const to = prefixesOf(cells[column.to] ?? '')
    const callers = (cells[column.from] ?? '').toUpperCase()
    const from = ANYWHERE.has(callers) ? [''] : prefixesOf(callers)
    if (amount === undefined) {
      refuse(`${JSON.stringify(cells[column.price] ?? '')} is no price`, COLUMNS.price)
    } else if (!to || to.length === 0) {
      refuse(`${JSON.stringify(shortened(cells[column.to]))} are no beginnings of numbers`, COLUMNS.to)
    } else if (!from || from.length === 0) {
      refuse(`${JSON.stringify(shortened(callers))} are no beginnings of numbers`, COLUMNS.from)
    } else {
      const free = to.flatMap((called) => {
        const known = from.map((calling) => owners.get(`${called} ${calling}`))
        const other = known.find((owner) => owner && owner.amount !== amount)
        if (other) refuse(`+${called} has the price of line ${other.line} already`, COLUMNS.to)
        const origins = from.filter((_, at) => known[at] === undefined)
        return origins.length > 0 ? [{ called, from: origins }] : []
      })
      for (const numbers of Map.groupBy(free, (one) => one.from.join(' ')).values()) {
        const [{ from: origins } = { from }] = numbers
        const prices = { to: numbers.map(({ called }) => called), from: origins, amount }
        for (const called of prices.to) for (const calling of origins) owners.set(`${called} ${calling}`, { line, amount })
        entries.push(entryOf(cells, column, prices, options))
      }
    }
  }
  return { entries, notTaken }
}

/** Returns rows of cells, or what is wrong with the text. */
function readCsv(csv: string): string[][] | string {
  try {
    return parse(csv, { bom: true, skip_empty_lines: true, relax_column_count: true, trim: true })
  } catch (error) {
    if (error instanceof CsvError) return error.message
    throw error
  }
}

function entryOf(
  cells: readonly string[],
  column: Readonly<Record<Column, number>>,
  { to, from, amount }: { to: string[]; from: string[]; amount: string },
  { source, checked, increment = { first: '60', next: '60' } }: TwilioImport,
): EntryDocument {
  return {
    service: 'phone',
    provider: 'twilio',
    to: to.map((prefix) => `+${prefix}`),
    ...(from[0] !== '' && { from: from.map((prefix) => `+${prefix}`) }),
    rates: [{ unit: 'minutes', amount, increment: { unit: 'seconds', ...increment } }],
    source,
    checked,
    confidence: 'official',
    note: cells[column.description] || cells[column.country] || 'without a description',
  }
}

function columnsOf(header: readonly string[]): Record<Column, number> | undefined {
  const found = Object.entries(COLUMNS).map(
    ([key, name]) => [key, header.findIndex((cell) => cell.toLowerCase() === name)] as const,
  )
  return found.every(([, index]) => index >= 0) ? (Object.fromEntries(found) as Record<Column, number>) : undefined
}

/** Reads a price, which may begin with a dollar sign. Blanks and dashes are unknown. Only a written zero is zero. */
function priceOf(text: string): string | undefined {
  const [, whole, fraction = ''] = /^\$?\s*(\d{1,12})(?:\.(\d{1,12}))?$/.exec(text) ?? []
  if (whole === undefined) return undefined
  const significant = fraction.replace(/0+$/, '')
  return `${whole.replace(/^0+(?=\d)/, '')}${significant && `.${significant}`}`
}

function prefixesOf(text: string): string[] | undefined {
  const prefixes = text.split(/[\s,;|]+/).filter((part) => part !== '')
  return prefixes.every((prefix) => /^\+?\d{1,15}$/.test(prefix))
    ? [...new Set(prefixes.map((prefix) => prefix.replace('+', '')))]
    : undefined
}

function shortened(text = ''): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}
