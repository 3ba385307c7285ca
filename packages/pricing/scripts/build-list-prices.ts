/**
 * Writes `src/list-prices/list-prices.generated.ts`: what vendors of chat models charge, from the npm package
 * `@pydantic/genai-prices`, and what those of speech, telephony and realtime charge, from `data/list-prices.json`.
 * Run it after either has changed: `node --conditions=farebox-source packages/pricing/scripts/build-list-prices.ts`.
 * Nothing is fetched. With `--check` nothing is written, and the exit code says whether the file is up to date.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { waitForUpdate } from '@pydantic/genai-prices'
import { entrySchema } from '../src/document/price-book-document.ts'
import { type GenaiProvider, readGenaiPrices } from '../src/import/genai-prices.ts'
import type { EntryDocument } from '../src/import/imported-prices.ts'

/** Vendors that are asked directly. Of a model that several sell, the first is who sends the bill. */
const VENDORS = ['openai', 'anthropic', 'google', 'mistral', 'deepseek', 'x-ai', 'cohere', 'groq']
/** The book's first day: prices that ended before it are left out. */
const FROM = '2025-01-01'
/** When the package at the version that is installed was read, and published. */
const CHECKED = '2026-11-20'
const PUBLISHED: Readonly<Record<string, string>> = { '0.1.8': '2026-09-23' }

interface OwnPrices {
  retirements: { vendor: string; models: string[]; retires: string; source: string }[]
  entries: EntryDocument[]
}

const folder = new URL('..', import.meta.url)
const target = new URL('src/list-prices/list-prices.generated.ts', folder)

const version = await installedVersion()
const own: OwnPrices = JSON.parse(await readFile(new URL('data/list-prices.json', folder), 'utf8'))
const { models, notTaken } = readGenaiPrices((await waitForUpdate()) as readonly GenaiProvider[], {
  vendors: VENDORS,
  from: FROM,
})
for (const { vendor, models: named, retires } of own.retirements) {
  for (const name of named) {
    const model = models.find((one) => one.vendor === vendor && one.provider === name)
    if (!model) throw new Error(`data/list-prices.json: ${vendor} has no model ${name} that could retire`)
    model.retires = retires
  }
}
// With all that the schema fills in, so that the book need not be read by the schema when it is used.
const entries = own.entries.map((entry) => entrySchema.parse(entry))
const published = PUBLISHED[version]
if (!published) throw new Error(`scripts/build-list-prices.ts does not say when @pydantic/genai-prices ${version} was published`)
const data = {
  source: `npm @pydantic/genai-prices ${version} (${published})`,
  checked: CHECKED,
  models: models.sort((a, b) => (a.provider < b.provider ? -1 : 1)),
  entries,
}
const text = `// Written by scripts/build-list-prices.ts. Change data/list-prices.json, or the version of @pydantic/genai-prices, and run it.
import type { ListPrices } from './list-prices.ts'

/** As JSON, because that is read faster than a program of its size. */
const json = ${literal(JSON.stringify(data))}

export function readListPrices(): ListPrices {
  return JSON.parse(json)
}
`
const before = await readFile(target, 'utf8').catch(() => '')
if (process.argv.includes('--check')) process.exitCode = before === text ? 0 : 1
else await writeFile(target, text)
console.log(`${models.length} models, ${entries.length} rows of our own; ${before === text ? 'nothing changed' : 'changed'}`)
for (const { row, field, reason } of notTaken) console.log(`not taken: ${row}${field ? ` (${field})` : ''}: ${reason}`)

async function installedVersion(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@pydantic/genai-prices')
  const manifest = JSON.parse(await readFile(new URL('../package.json', `file://${entry}`), 'utf8'))
  return manifest.version
}

/** A string in single quotes, as the rest of our code writes it. */
function literal(value: string): string {
  return `'${value
    .replace(/\\/g, '\\\\')
    .replace(/'/g, "\\'")
    .replace(/\u2028|\u2029/g, (mark) => `\\u${mark.charCodeAt(0).toString(16)}`)}'`
}
