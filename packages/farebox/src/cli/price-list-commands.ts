import { readFile } from 'node:fs/promises'
import { InvalidOptionError } from '@farebox/core'
import {
  checkMargins,
  defaultCostBook,
  defaultPriceBook,
  type MarginRow,
  PriceBook,
  type PriceBookDocument,
  type PriceEntry,
  type Rate,
} from '@farebox/pricing'
import type { Command } from 'commander'
import { parseJsonFile } from './parse-json-file.ts'
import { parseMoment } from './parse-moment.ts'
import type { Shell } from './shell.ts'

interface PriceOptions {
  book?: string
  at?: string
  json?: boolean
}

interface CheckOptions extends PriceOptions {
  costs?: string
  creditValueUsd: string
  all?: boolean
  strict?: boolean
}

/** The margins that fail a check, then those that fail a strict one. */
const LOSSES: ReadonlySet<MarginRow['status']> = new Set(['below_cost'])
const DOUBTS: ReadonlySet<MarginRow['status']> = new Set(['below_cost', 'below_cost_for_some', 'no_cost', 'not_comparable'])

/** Adds `prices`, the parent of the other commands for price books, and `prices check`. */
export function addPriceListCommands(shell: Shell, program: Command): Command {
  const prices = program
    .command('prices')
    .description('list the prices of the built-in price book, or of your own')
    .enablePositionalOptions()
    .option('--book <file>', 'the path of a price book, as JSON (default: the built-in one)')
    .option('--at <when>', 'the time whose prices apply: 2026-11-21 or 2026-11-21T18:00:00Z (default: now)')
    .option('--json', 'print JSON')
    .action(async (options: PriceOptions) => {
      const book = await readBook(options.book, defaultPriceBook)
      shell.print(options, book.entries(asOf(options.at)).entries.flatMap(priceRows))
    })

  prices
    .command('check')
    .description('compare prices with what providers charge; the exit code is 2 if an ordinary call is sold below its cost')
    .option('--book <file>', 'the path of a price book in credits, as JSON (default: the built-in one)')
    .option('--costs <file>', 'the path of a cost book in US dollars, as JSON (default: the list prices)')
    .option('--credit-value-usd <dollars>', 'what a customer pays for one credit', '0.001')
    .option('--at <when>', 'the time whose prices apply: 2026-11-21 or 2026-11-21T18:00:00Z (default: now)')
    .option('--json', 'print JSON')
    .option('--all', 'also show the prices that are in order')
    .option(
      '--strict',
      'also exit with 2 for prices that lose money on some calls, have no cost, cannot be compared, or have a weak source',
    )
    .action(async (options: CheckOptions) => {
      const book = await readBook(options.book, defaultPriceBook)
      const costs = await readBook(options.costs, defaultCostBook)
      const report = checkMargins(book, costs, { creditValueUsd: options.creditValueUsd, at: asOf(options.at) })
      const shown = options.all ? report.rows : report.rows.filter((row) => row.isWeak || DOUBTS.has(row.status))
      if (options.json) shell.terminal.line(JSON.stringify({ ...report, rows: shown }, null, 2))
      else shell.print({}, shown.map(checkRow))
      const isFailure = (row: MarginRow) => (options.strict ? row.isWeak || DOUBTS.has(row.status) : LOSSES.has(row.status))
      const failures = report.rows.filter(isFailure).length
      if (!options.json) {
        shell.terminal.line(
          `${failures} of ${report.rows.length} rates fail: ${report.prices} against ${report.costs}, a credit at $${options.creditValueUsd}`,
        )
      }
      if (failures > 0) shell.terminal.exitCode(2)
    })

  return prices
}

/** @throws {InvalidOptionError} the file cannot be read, or is not JSON */
async function readBook(file: string | undefined, standard: PriceBook): Promise<PriceBook> {
  if (file === undefined) return standard
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new InvalidOptionError(`price book ${file} cannot be read`, { cause: error })
  })
  return new PriceBook(parseJsonFile(`price book ${file}`, text) as PriceBookDocument)
}

function asOf(text: string | undefined): number {
  if (text === undefined) return Date.now()
  const moment = parseMoment(text)
  if (moment === undefined) {
    throw new InvalidOptionError(
      `--at must be a day such as 2026-11-21, or 2026-11-21T18:00:00Z, received ${JSON.stringify(text)}`,
    )
  }
  return moment
}

function priceRows(entry: PriceEntry): object[] {
  const { service, provider, model = '' } = entry
  return entry.rates.map((rate) => ({
    service,
    provider,
    model,
    meter: rate.meter ?? '',
    price: rate.amount ?? rate.tiers?.steps.map(({ above, amount }) => (above ? `above ${above}: ${amount}` : amount)).join(', '),
    per: rate.package ? `package of ${rate.package.size} ${rate.unit}` : `${rate.per} ${rate.unit}`,
    rules: rulesText(entry, rate),
  }))
}

function rulesText(entry: PriceEntry, rate: Rate): string {
  const { minimum_quantity: least, increment, included, tiers } = rate
  const { connect_fee: fee, minimum_charge: minimum, maximum_charge: maximum, multipliers = [], windows = [] } = entry
  return [
    least && `at least ${least.quantity} ${least.unit ?? rate.unit}`,
    increment && `${increment.first}/${increment.next} ${increment.unit ?? rate.unit}`,
    included && `${included.quantity} ${included.unit ?? rate.unit} included by ${included.basis}`,
    tiers && `${tiers.mode} by ${tiers.basis}`,
    fee && `connect fee ${fee}`,
    minimum && `a call at least ${minimum}`,
    maximum && `a call at most ${maximum.amount} (${maximum.action})`,
    ...multipliers.map(({ attribute }) => `by ${attribute}`),
    ...windows.map(({ name }) => `other in ${name}`),
  ]
    .filter(Boolean)
    .join('; ')
}

function checkRow(row: MarginRow): object {
  const { status, service, provider, model = '', meter = '', quantity = '', unit, soldUsd, costUsd, marginPercent } = row
  return {
    status,
    service,
    provider,
    model,
    meter,
    call: `${quantity} ${unit}`.trim(),
    sold_usd: soldUsd ?? '',
    cost_usd: costUsd ?? row.costUnits?.join(', ') ?? '',
    margin: marginPercent === undefined ? '' : `${marginPercent}%`,
    covers_at: row.breakEven ? `${row.breakEven.credits} per ${row.breakEven.per}` : '',
    source: row.isWeak ? (row.confidence ?? 'none') : '',
  }
}
