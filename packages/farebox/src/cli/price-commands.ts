import { writeFile } from 'node:fs/promises'
import { InvalidOptionError } from '@farebox/core'
import { defaultCostBook, PriceBook, type PriceBookDocument, retirements } from '@farebox/pricing'
import { importedBook, type NotTaken, updateBook } from '@farebox/pricing/import'
import { Argument, type Command, Option } from 'commander'
import { INSTALLED, type PriceFormat, priceFormats, readPrices } from './price-sources.ts'
import { readBook } from './read-book.ts'
import type { Terminal } from './terminal.ts'
import { writeFileWhole } from './write-file.ts'

interface ImportOptions {
  out: string
  name: string
  effective: string
  vendor?: string[]
  force?: boolean
  json?: boolean
}

interface UpdateCommandOptions {
  from: string
  format: PriceFormat
  effective: string
  vendor?: string[]
  add?: boolean
  write?: boolean
  json?: boolean
}

/** Adds `prices import`, `prices update` and `prices retiring`. */
export function addPriceCommands(prices: Command, terminal: Terminal, now: () => number = Date.now): void {
  const today = () => new Date(now()).toISOString().slice(0, 10)

  prices
    .command('import')
    .description('create a cost book from a published price list')
    .addArgument(new Argument('<format>', 'the format of the price list').choices(priceFormats))
    .argument('<file>', `a path, an https: address, or "${INSTALLED}" for the installed package @pydantic/genai-prices`)
    .requiredOption('--out <book>', 'the file to write the book to')
    .option('--name <name>', 'the name of the book', 'imported')
    .option('--effective <moment>', 'when its prices take effect', '2025-01-01T00:00:00Z')
    .option('--vendor <vendor...>', 'only the prices of these vendors')
    .option('--force', 'replace an existing file')
    .option('--json', 'print JSON')
    .action(async (format: PriceFormat, file: string, options: ImportOptions) => {
      const checked = today()
      const imported = await readPrices(format, file, { checked, vendors: options.vendor })
      const { entries, notTaken } = imported
      tellNotTaken(notTaken, options.json)
      if (entries.length === 0) throw new InvalidOptionError(`${file} holds no price that could be taken`)
      const document = importedBook(imported, { name: options.name, version: checked, effectiveFrom: options.effective })
      // Check the book before it is written: an invalid one helps nobody.
      new PriceBook(document)
      await writeBook(options.out, document, options.force ? 'w' : 'wx')
      if (options.json) terminal.line(JSON.stringify({ book: options.out, rows: entries.length, not_taken: notTaken }, null, 2))
      else terminal.line(`${entries.length} rows written to ${options.out}, ${notTaken.length} not taken`)
    })

  prices
    .command('update')
    .description('show what newer prices would change in your book; with --write, add them as a new version')
    .argument('<book>', 'the path of the book')
    .requiredOption(
      '--from <where>',
      `a path, an https: address, or "${INSTALLED}" for the installed package @pydantic/genai-prices`,
    )
    .addOption(new Option('--format <format>', 'the format of the newer prices').choices(priceFormats).default('genai'))
    .option('--effective <moment>', 'when the new version takes effect (default: now)')
    .option('--vendor <vendor...>', 'only the prices of these vendors')
    .option('--add', 'also add rows that the book does not have')
    .option('--write', 'add the new version to the book; otherwise nothing is written')
    .option('--json', 'print JSON')
    .action(async (file: string, options: UpdateCommandOptions) => {
      const before = await readBook(file)
      const wanted = { checked: today(), vendors: options.vendor, book: before }
      const { entries, notTaken } = await readPrices(options.format, options.from, wanted)
      tellNotTaken(notTaken, options.json)
      const effectiveFrom = options.effective ?? new Date(now()).toISOString()
      const version = newVersion(before, today())
      const { document, changes, notInBook } = updateBook(before, entries, { version, effectiveFrom, addRows: options.add })
      const after = new PriceBook(document)
      if (options.json) terminal.line(JSON.stringify({ changes, not_in_book: notInBook, not_taken: notTaken }, null, 2))
      else if (changes.length > 0) terminal.table(changes)
      if (!options.json && notInBook > 0) {
        const why = options.add ? 'were not added: aliases in the book have their names' : 'are not in the book: --add adds them'
        terminal.line(`${notInBook} rows ${why}`)
      }
      tellRetirements(after, options.json)
      if (changes.length === 0) return terminal.error(`${file} is up to date`)
      if (!options.write) return terminal.error(`nothing was written: --write adds version ${version} to ${file}`)
      await writeBook(file, document, 'w')
      terminal.error(`version ${version} was added to ${file}, from ${effectiveFrom}`)
    })

  prices
    .command('retiring')
    .description('list the models that providers are retiring')
    .argument('[book]', 'the path of a book (default: the list prices)')
    .option('--days <days>', 'how many days to look ahead', '90')
    .option('--json', 'print JSON')
    .action(async (file: string | undefined, { days, json }: { days: string; json?: boolean }) => {
      const within = Number(days)
      if (!/^\d+$/.test(days) || !Number.isSafeInteger(within))
        throw new InvalidOptionError(`--days must be a whole number, received ${days}`)
      const book = file === undefined ? defaultCostBook : new PriceBook(await readBook(file))
      const rows = retirements(book, now(), within).map(({ entry, daysLeft }) => ({
        service: entry.service,
        provider: entry.provider,
        model: entry.model ?? '',
        retires: entry.retires,
        days_left: daysLeft,
      }))
      if (json) terminal.line(JSON.stringify(rows, null, 2))
      else if (rows.length > 0) terminal.table(rows)
      else terminal.line(`none within ${within} days`)
    })

  function tellNotTaken(notTaken: readonly NotTaken[], json: boolean | undefined): void {
    if (json) return
    for (const { row, field, reason } of notTaken) terminal.error(`not taken: ${row}${field ? `, ${field}` : ''}: ${reason}`)
  }

  function tellRetirements(book: PriceBook, json: boolean | undefined): void {
    if (json) return
    for (const { entry, daysLeft } of retirements(book, now())) {
      const name = [entry.service, entry.provider, entry.model].filter(Boolean).join(' ')
      terminal.error(
        daysLeft < 0 ? `${name} retired on ${entry.retires}` : `${name} retires on ${entry.retires}, in ${daysLeft} days`,
      )
    }
  }
}

/** Replaces an existing file in one step, so that nobody reads half a book. */
async function writeBook(file: string, document: PriceBookDocument, flag: 'w' | 'wx'): Promise<void> {
  const text = `${JSON.stringify(document, null, 2)}\n`
  if (flag === 'wx') return writeFile(file, text, { flag })
  await writeFileWhole(file, [text], true)
}

/** Today's date, with a number after it if there is already a version of today. */
function newVersion({ versions }: PriceBookDocument, day: string): string {
  const taken = new Set(versions.map(({ version }) => version))
  for (let count = 1; ; count++) {
    const name = count === 1 ? day : `${day}.${count}`
    if (!taken.has(name)) return name
  }
}
