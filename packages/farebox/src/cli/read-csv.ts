import { createReadStream } from 'node:fs'
import { InvalidOptionError } from '@farebox/core'
import type { BalanceRow, UnreadableRow } from '@farebox/ledger'
import { CsvError, parse } from 'csv-parse'

export interface CsvOptions {
  path: string
  idColumn: string
  balanceColumn: string
  /** @defaultValue the column `name`, if there is one */
  nameColumn?: string
  /** One character. */
  delimiter: string
}

/** A longer record lacks a closing quote, and would otherwise swallow the rest of the file. */
const RECORD_BYTES_MAX = 64 * 1024

/**
 * The users of a CSV file, with their balances as text. The file is RFC 4180 in UTF-8, with or without a byte order mark, and its
 * first record names the columns. Each iteration reads it from the beginning.
 */
export function readCsvBalances(options: CsvOptions): AsyncIterable<BalanceRow | UnreadableRow> {
  return { [Symbol.asyncIterator]: () => read(options) }
}

async function* read(options: CsvOptions): AsyncGenerator<BalanceRow | UnreadableRow> {
  /** The last line of the last record that the parser understood. It is ahead of what was read from it. */
  let understood = 0
  const parser = parse({
    bom: true,
    delimiter: options.delimiter,
    info: true,
    on_record: (record, { lines }) => {
      understood = lines
      return record
    },
    max_record_size: RECORD_BYTES_MAX,
    // All of them: a file joined from two may mix them, and by default the parser expects the first one throughout.
    record_delimiter: ['\r\n', '\n', '\r'],
    // Lengths are compared below, so that a record of another length is one bad row, not the end of the import.
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
  })
  const file = createReadStream(options.path)
  file.on('error', (error) => parser.destroy(error))
  file.pipe(parser)
  try {
    let columns: Columns | undefined
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (columns) yield rowOf(record, columns, info.lines)
      else columns = columnsOf(record, options)
    }
    if (!columns) throw new InvalidOptionError(`${options.path} is empty: its first line must name the columns`)
  } catch (error) {
    throw explained(error, options.path, understood + 1)
  } finally {
    file.destroy()
    parser.destroy()
  }
}

interface Columns {
  count: number
  id: number
  balance: number
  name: number
}

function columnsOf(header: readonly string[], options: CsvOptions): Columns {
  const find = (name: string, flag: string): number => {
    const at = header.indexOf(name)
    if (at >= 0 && header.indexOf(name, at + 1) < 0) return at
    const problem = at < 0 ? 'there is no column' : 'there are two columns'
    // Most likely another character separates them.
    const orDelimiter = header.length === 1 ? ', or what separates the columns with --delimiter' : ''
    throw new InvalidOptionError(
      `${problem} ${JSON.stringify(name)} in ${options.path}, which has ${header.join(', ').slice(0, 500)}: name it with ${flag}${orDelimiter}`,
    )
  }
  return {
    count: header.length,
    id: find(options.idColumn, '--id-column'),
    balance: find(options.balanceColumn, '--balance-column'),
    name: options.nameColumn === undefined ? header.indexOf('name') : find(options.nameColumn, '--name-column'),
  }
}

function rowOf(record: readonly string[], columns: Columns, line: number): BalanceRow | UnreadableRow {
  if (record.length !== columns.count) {
    // An unquoted amount with a comma looks just like this, so no field of the record can be trusted.
    return { line, problem: `the row has ${record.length} fields, the first line names ${columns.count}` }
  }
  // The file was decoded as UTF-8 but is not, such as one that a spreadsheet saved as plain CSV.
  if (record.some((field) => field.includes('\uFFFD'))) return { line, problem: 'the row is not UTF-8: save the file as UTF-8' }
  const name = record[columns.name]
  return { line, accountId: record[columns.id] ?? '', credits: record[columns.balance] ?? '', ...(name && { name }) }
}

/** @param line  where the record that was not understood begins: a missing quote is noticed much later */
function explained(error: unknown, path: string, line: number): unknown {
  if (error instanceof CsvError) {
    return new InvalidOptionError(`${path} is no CSV from line ${line} on: ${error.message}`, { cause: error })
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return new InvalidOptionError(`there is no file ${path}`)
  if (code === 'EISDIR' || code === 'EACCES') return new InvalidOptionError(`${path} cannot be read (${code})`)
  return error
}
