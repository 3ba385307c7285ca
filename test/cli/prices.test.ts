import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultCostBook, listPrices, PriceBook, type PriceBookDocument } from '@farebox/pricing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createProgram, runProgram } from '../../packages/farebox/src/cli/program.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'farebox-prices-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const path = (name: string) => join(folder, name)
const readBook = async (name: string): Promise<PriceBookDocument> => JSON.parse(await readFile(path(name), 'utf8'))

async function farebox(...parameters: string[]) {
  const lines: string[] = []
  const errors: string[] = []
  const tables: object[][] = []
  let code = 0
  const terminal = {
    table: (rows: readonly object[]) => tables.push([...rows]),
    line: (text: string) => lines.push(text),
    error: (text: string) => errors.push(text),
    exitCode: (given: number) => {
      code = given
    },
  }
  await runProgram(createProgram(terminal), parameters, terminal)
  return { code, lines, errors, tables, output: lines.join('\n') }
}

const litellm = {
  'gpt-4o-mini': { litellm_provider: 'openai', mode: 'chat', input_cost_per_token: 1.5e-7, output_cost_per_token: 6e-7 },
  'dall-e-3': { litellm_provider: 'openai', mode: 'image_generation', output_cost_per_image: 0.04 },
}
const deck =
  'ISO,Country,Description,Price / min,Origination Prefixes,Destination Prefixes\nAT,Austria,Austria,0.155,,43\nZZ,Nowhere,Nowhere,,,999\n'

describe('prices import', () => {
  test("makes a book of LiteLLM's prices, and says what was not taken", async () => {
    await writeFile(path('litellm.json'), JSON.stringify(litellm))
    const { code, output, errors } = await farebox(
      'prices',
      'import',
      'litellm',
      path('litellm.json'),
      '--out',
      path('litellm-book.json'),
    )
    expect([code, output]).toEqual([0, `1 rows written to ${path('litellm-book.json')}, 1 not taken`])
    expect(errors).toEqual(['not taken: dall-e-3: its mode is image_generation, which is no service of ours'])
    const book = new PriceBook(await readBook('litellm-book.json'))
    expect(book.find({ service: 'gpt', provider: 'gpt-4o-mini', at: Date.now() }).entry.source).toBe(path('litellm.json'))
  })

  test('makes a deck of Twilio’s list, as JSON where that is wanted', async () => {
    await writeFile(path('voice.csv'), deck)
    const { output } = await farebox('prices', 'import', 'twilio', path('voice.csv'), '--out', path('deck.json'), '--json')
    expect(JSON.parse(output)).toEqual({
      book: path('deck.json'),
      rows: 1,
      not_taken: [{ row: 'line 3', field: 'price / min', reason: '"" is no price' }],
    })
  })

  test('reads files with a mark before their text, as editors on Windows leave it', async () => {
    const mark = '\uFEFF'
    await writeFile(path('marked.json'), mark + (await readFile(path('litellm.json'), 'utf8')))
    const { code, errors } = await farebox('prices', 'import', 'litellm', path('marked.json'), '--out', path('marked-book.json'))
    expect([code, errors]).toEqual([0, ['not taken: dall-e-3: its mode is image_generation, which is no service of ours']])
    await writeFile(path('marked-book.json'), mark + (await readFile(path('marked-book.json'), 'utf8')))
    const { code: listed } = await farebox('prices', '--book', path('marked-book.json'))
    const { code: updated } = await farebox(
      ...['prices', 'update', path('marked-book.json'), '--format', 'litellm', '--from', path('marked.json')],
    )
    expect([listed, updated]).toEqual([0, 0])
  })

  test('takes the package that is installed, and of it the vendors that are named', async () => {
    const { code } = await farebox('prices', 'import', 'genai', 'installed', '--vendor', 'groq', '--out', path('groq.json'))
    expect(code).toBe(0)
    const { entries = [] } = (await readBook('groq.json')).versions[0] ?? {}
    expect(new Set(entries.map(({ vendor }) => vendor))).toEqual(new Set(['groq']))
    expect(entries[0]?.source).toMatch(/^npm @pydantic\/genai-prices 0\.1\.8/)
  })

  test.each([
    ['writes over nothing', ['litellm', 'litellm.json', '--out', 'litellm-book.json'], /EEXIST/],
    ['refuses what is not JSON', ['litellm', 'voice.csv', '--out', 'x.json'], /voice\.csv is not JSON/],
    ['refuses another format', ['genai', 'litellm.json', '--out', 'x.json'], /is not the data of genai-prices/],
    ['refuses a file that is not there', ['genai', 'absent.json', '--out', 'x.json'], /ENOENT/],
    ['refuses a source without prices', ['twilio', 'litellm.json', '--out', 'x.json'], /holds no price that could be taken/],
  ])('%s', async (_, [format = '', file = '', option = '', out = ''], problem) => {
    const { code, errors } = await farebox('prices', 'import', format, path(file), option, path(out))
    expect(code).toBe(1)
    expect(errors.join('\n')).toMatch(problem)
  })

  test('fetches only over https', async () => {
    const { code, errors } = await farebox('prices', 'import', 'genai', 'http://example.com/x.json', '--out', path('x.json'))
    expect([code, errors.join()]).toEqual([1, expect.stringMatching(/over https: only, received http:/)])
  })
})

describe('prices update', () => {
  const own = (): PriceBookDocument => ({
    name: 'ours',
    currency: 'usd',
    versions: [
      {
        version: '1',
        effective_from: '2026-01-01T00:00:00Z',
        entries: [
          {
            service: 'gpt',
            provider: 'gpt-4o-mini',
            rates: [
              { unit: 'tokens', meter: 'input', amount: '0.20', per: '1000000' },
              { unit: 'tokens', meter: 'output', amount: '0.00000060' },
            ],
            connect_fee: '0.001',
          },
          { service: 'phone', provider: 'twilio', rates: [{ unit: 'minutes', amount: '0.01' }] },
        ],
      },
    ],
  })

  test('shows what would change, and writes nothing unless told to', async () => {
    await writeFile(path('own.json'), JSON.stringify(own()))
    await writeFile(path('litellm.json'), JSON.stringify(litellm))
    const update = ['prices', 'update', path('own.json'), '--from', path('litellm.json'), '--format', 'litellm']
    const shown = await farebox(...update)
    expect(shown.code).toBe(0)
    expect(shown.tables.flat()).toEqual(
      expect.arrayContaining([
        {
          change: 'changed',
          service: 'gpt',
          provider: 'gpt-4o-mini',
          what: 'tokens of input',
          before: '0.20 per 1000000',
          after: '0.15 per 1000000',
        },
        { change: 'changed', service: 'gpt', provider: 'gpt-4o-mini', what: 'tokens of reasoning', after: '0.6 per 1000000' },
      ]),
    )
    // The same price in other words is no change.
    expect(shown.tables.flat()).not.toContainEqual(expect.objectContaining({ what: 'tokens of output' }))
    expect(shown.errors.at(-1)).toMatch(/nothing was written: --write adds version/)
    expect(await readBook('own.json')).toEqual(own())
  })

  test('adds a version that begins later, and leaves the old one and all other rows as they are', async () => {
    await writeFile(path('own.json'), JSON.stringify(own()))
    const effective = '2026-12-01T00:00:00Z'
    const update = ['prices', 'update', path('own.json'), '--from', path('litellm.json'), '--format', 'litellm', '--write']
    expect((await farebox(...update, '--effective', effective)).code).toBe(0)
    const { versions } = await readBook('own.json')
    expect(versions[0]).toEqual(own().versions[0])
    expect(versions[1]).toMatchObject({ effective_from: effective })
    expect(versions[1]?.entries[0]).toMatchObject({ connect_fee: '0.001', vendor: 'openai' })
    expect(versions[1]?.entries[1]).toEqual(own().versions[0]?.entries[1])
    const again = await farebox(...update)
    expect(again.errors.at(-1)).toMatch(/is up to date/)
    expect((await readBook('own.json')).versions).toHaveLength(2)
  })

  test('of a link, changes the book that it leads to, and leaves nothing beside it', async () => {
    await writeFile(path('linked.json'), JSON.stringify(own()))
    symlinkSync(path('linked.json'), path('link.json'))
    const from = ['--from', path('litellm.json'), '--format', 'litellm']
    expect((await farebox('prices', 'update', path('link.json'), ...from, '--write')).code).toBe(0)
    expect(lstatSync(path('link.json')).isSymbolicLink()).toBe(true)
    expect((await readBook('linked.json')).versions).toHaveLength(2)
    mkdirSync(path('shelf'))
    const inFolder = ['prices', 'import', 'litellm', path('litellm.json'), '--out', path('shelf'), '--force']
    expect((await farebox(...inFolder)).errors.at(-1)).toBe(`farebox: --out names a folder, not a file: ${path('shelf')}`)
    expect(readdirSync(folder).filter((name) => /\.new$|partial/.test(name))).toEqual([])
  })

  test('repeats no secret of an address, and says why it cannot be fetched', async () => {
    await writeFile(path('own.json'), JSON.stringify(own()))
    const errorsOf = async (from: string) => (await farebox('prices', 'update', path('own.json'), '--from', from)).errors
    expect(await errorsOf('https://me:secret@127.0.0.1:1/prices.json')).toEqual([
      'farebox: prices are fetched from an address without user and password',
    ])
    const closed = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => closed.once('listening', resolve))
    const { port } = closed.address() as AddressInfo
    await new Promise((resolve) => closed.close(resolve))
    expect(await errorsOf(`https://127.0.0.1:${port}/prices.json?token=secret`)).toEqual([
      `farebox: https://127.0.0.1:${port}/prices.json cannot be fetched: connect ECONNREFUSED 127.0.0.1:${port}`,
    ])
  })

  test('refuses a version that would begin before the last one', async () => {
    await writeFile(path('own.json'), JSON.stringify(own()))
    const update = ['prices', 'update', path('own.json'), '--from', path('litellm.json'), '--format', 'litellm', '--write']
    const { code, errors } = await farebox(...update, '--effective', '2025-01-01T00:00:00Z')
    expect([code, errors.join('\n')]).toEqual([1, expect.stringMatching(/effective_from/)])
    expect(await readBook('own.json')).toEqual(own())
  })

  test('adds rows that the book does not have only where that is wanted', async () => {
    await writeFile(path('own.json'), JSON.stringify(own()))
    const update = ['prices', 'update', path('own.json'), '--from', 'installed', '--vendor', 'anthropic']
    const without = await farebox(...update)
    expect(without.output).toMatch(/\d+ rows are not in the book: --add adds them/)
    const { output } = await farebox(...update, '--add', '--json')
    const { changes } = JSON.parse(output)
    expect(changes).toContainEqual(
      expect.objectContaining({ change: 'added', provider: 'claude-3-haiku', what: 'tokens of input' }),
    )
  })

  test('of a model that several vendors sell, reads the price of the vendor that the book names', async () => {
    await writeFile(path('list.json'), JSON.stringify(listPrices()))
    const update = ['prices', 'update', path('list.json'), '--from', 'installed']
    // They were made of this package.
    const shown = await farebox(...update, '--json')
    expect(JSON.parse(shown.output).changes).toEqual([])
    expect((await farebox(...update, '--add', '--write')).errors.at(-1)).toMatch(/^version .* was added to /)
    const model = { service: 'gpt', provider: 'openai/gpt-oss-120b', at: Date.now() }
    const book = new PriceBook(await readBook('list.json'))
    expect(book.versions()).toHaveLength(2)
    expect(book.find(model).entry).toMatchObject({ vendor: 'groq', rates: defaultCostBook.find(model).entry.rates })
    // Where the vendor is named, it is that one.
    const azure = JSON.parse((await farebox(...update, '--vendor', 'azure', '--json')).output)
    expect(azure.changes.length).toBeGreaterThan(0)
  })

  test('takes an address that was named, and nothing else is fetched', async () => {
    const asked: (string | undefined)[] = []
    const server = createServer((request, reply) => {
      asked.push(request.url)
      reply.writeHead(request.url === '/prices.json' ? 200 : 404).end(JSON.stringify(litellm))
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      await writeFile(path('own.json'), JSON.stringify(own()))
      const update = (from: string) =>
        farebox('prices', 'update', path('own.json'), '--from', from, '--format', 'litellm', '--json')
      expect(JSON.parse((await update(`${origin}/prices.json`)).output).changes.length).toBeGreaterThan(0)
      expect((await update(`${origin}/other.json`)).errors.join()).toMatch(/\/other\.json answered 404/)
      expect(asked).toEqual(['/prices.json', '/other.json'])
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })
})

test('prices retiring lists the models that end', async () => {
  const { output } = await farebox('prices', 'retiring', '--days', '36500', '--json')
  const rows = JSON.parse(output)
  expect(rows).toContainEqual(
    expect.objectContaining({ service: 'voice_stt', provider: 'openai-whisper', model: 'whisper-1', retires: '2027-02-26' }),
  )
  expect(rows).toContainEqual(expect.objectContaining({ service: 'gpt', provider: 'gpt-4o', retires: '2027-01-14' }))
  expect((await farebox('prices', 'retiring', '--days', 'soon')).errors.join()).toMatch(
    /--days must be a whole number, received soon/,
  )
  expect((await farebox('prices', 'retiring', '--days', '')).errors).toEqual([
    'farebox: --days must be a whole number, received ',
  ])
})

test('prices alone still prints the default book', async () => {
  const { output } = await farebox('prices', '--json')
  expect(JSON.parse(output)).toContainEqual(expect.objectContaining({ provider: 'gpt-4o', price: '8', per: '1000 tokens' }))
})
