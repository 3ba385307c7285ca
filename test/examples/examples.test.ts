import { spawn } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { credits } from 'farebox'
import { describe, expect, it, onTestFinished } from 'vitest'
import { repositoryFolder } from '../repository/workspace.ts'
import { createTestDatabase } from '../support/postgres.ts'

// Each example runs as its README says. `UPDATE_OUTPUT=1` writes what it printed into its output.txt instead of comparing.

const examples = [
  'express-app',
  'koa-app',
  'hono-app',
  'standalone-ledger',
  'host-transaction',
  'language-learning',
  'emergency',
  'phone-agent',
]

// A package manager and a program start for each run, on machines that may be busy.
const RUN_MS_MAX = 120_000

describe.each(examples)('examples/%s', (name) => {
  it(
    'prints what its output.txt says',
    async () => {
      const output = await start(name)
      if (process.env.UPDATE_OUTPUT) writeFileSync(fileOf(name, 'output.txt'), output)
      expect(output).toBe(textOf(name, 'output.txt'))
    },
    RUN_MS_MAX,
  )

  it('shows in its README the command that runs it and code that it has', () => {
    const readme = textOf(name, 'README.md')
    const sources = globSync(fileOf(name, 'src/*.ts'))
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n')
    expect(readme).toContain(command(name).join(' '))
    const snippets = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, snippet]) => snippet)
    expect(snippets.filter((snippet) => !sources.includes(snippet ?? ''))).toEqual([])
    expect(snippets).not.toEqual([])
  })

  it('shows in its README output that it prints', () => {
    const shown = [...textOf(name, 'README.md').matchAll(/```text\n(.*?)```/gs)].map(([, text]) => text)
    expect(shown.filter((text) => !textOf(name, 'output.txt').includes(text ?? ''))).toEqual([])
    expect(shown).not.toEqual([])
  })
})

describe.each(['standalone-ledger', 'host-transaction'])('examples/%s', (name) => {
  it(
    'prints the same on Postgres, and again on the same database',
    async () => {
      const database = await createTestDatabase()
      onTestFinished(() => database.drop())
      for (let run = 0; run < 2; run++) {
        expect(await start(name, { DATABASE_URL: database.url })).toBe(textOf(name, 'output.txt'))
      }
    },
    RUN_MS_MAX,
  )
})

/** Runs an example through the script of its package. The answer is what it printed to stdout. */
async function start(name: string, environment: Record<string, string> = {}): Promise<string> {
  const [program = '', ...parameters] = command(name)
  // Keys and databases of whoever runs the tests are not for the examples.
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env
  const env = { ...npmSettings(), PATH, HOME, NODE_COMPILE_CACHE, ...environment }
  const child = spawn(program, parameters, { cwd: repositoryFolder, env })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (errors += chunk))
  const exitCode = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (exitCode !== 0) throw new Error(`${name} ended with ${exitCode}\n${errors}${output}`)
  return output
}

/** As the README has it. npm puts the workspace's own Node before any other. */
function command(name: string): string[] {
  return ['npm', '--silent', '--prefix', `examples/${name}`, 'start']
}

/** Where npm looks for packages, and how it gets there. */
function npmSettings(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(npm_config_|https?_proxy$|no_proxy$|node_extra_ca)/i.test(name)),
  )
}

function textOf(name: string, file: string): string {
  return readFileSync(fileOf(name, file), 'utf8')
}

function fileOf(name: string, file: string): string {
  return join(repositoryFolder, 'examples', name, file)
}

it('examples/hono-app tells its customers nothing of what providers charge', async () => {
  const { app, box } = await import('../../examples/hono-app/src/app.ts')
  onTestFinished(() => box.close())
  const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
  await box.ledger.grant({ accountId, amount: credits(10_000) })
  const key = await box.ledger.createApiKey({ accountId })
  const headers = { authorization: `Bearer ${key.status === 'created' ? key.secret : ''}` }
  const answer = await (await app.request('/ai/ask', { method: 'POST', headers, body: 'What is a farebox?' })).text()
  expect(answer).toContain('total_credits_used')
  expect(answer).not.toContain('cost_usd')
})
