import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { connect, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { repositoryFolder } from '../repository/workspace.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { type Block, blocksOf, pages } from './pages.ts'

const run = promisify(execFile)
const RUNNER = fileURLToPath(new URL('./run-programs.ts', import.meta.url))
const node = [process.execPath, ...process.execArgv].map((word) => `'${word}'`).join(' ')
/** Programs run side by side, so that one waits for the others. */
const TIMEOUT_MS = 300_000

let folder: string
beforeAll(async () => {
  // Inside the repository, so that a snippet finds the packages that its reader has installed.
  folder = await mkdtemp(join(repositoryFolder, 'test/documentation/snippet-'))
  const command = `#!/bin/sh\nexec ${node} '${join(repositoryFolder, 'packages/farebox/src/cli/main.ts')}' "$@"\n`
  await writeFile(join(folder, 'farebox'), command, { mode: 0o755 })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.concurrent.each(pages.map((page) => [page, blocksOf(page)] as const))('%s', (_page, blocks) => {
  const ofKind = (kind: string) => blocks.filter((block) => block.kind === kind)
  /** A page that has no such block has no such test, and none that is skipped. */
  const testOf = (kind: string, name: string, run: () => Promise<void>) => {
    if (ofKind(kind).length > 0) test(name, { timeout: TIMEOUT_MS }, run)
  }

  testOf('output', 'its programs and commands print what it says', async () => {
    const here = await folderOf(blocks)
    const shown = blocks.filter(({ kind }) => kind === 'program' || kind === 'shell')
    const said = shown.map((block) => blocks[blocks.indexOf(block) + 1])
    expect(said.map((block) => block?.kind)).toEqual(shown.map(() => 'output'))
    expect(await printedBy(shown, here)).toEqual(said.map((block) => block?.text))
  })

  testOf(
    'server',
    'its servers start, want a key and a question, and end by a signal where they say so, whatever their clients do',
    async () => {
      const here = await folderOf(blocks)
      const key = await keyIn(join(here, 'credits.db'))
      for (const { text } of ofKind('server')) {
        const port = await freePort()
        const program = await fileOf(text.replace('3000,', `${port},`).replace('30_000', '300'), here)
        const server = spawn(process.execPath, [...process.execArgv, program], { cwd: here, stdio: 'inherit' })
        try {
          const reply = await askUntilItAnswers(`http://127.0.0.1:${port}/ai/ask`)
          expect(reply.status).toBe(401)
          expect(await reply.json()).toMatchObject({ code: 'UNAUTHORIZED' })
          if (text.includes('/ai/ask')) await wantsAQuestion(port, key)
          if (text.includes('SIGTERM')) await endsAmongClients(server, port)
        } finally {
          if (server.exitCode === null && server.signalCode === null) {
            server.kill('SIGKILL')
            await once(server, 'close')
          }
        }
      }
    },
  )

  test('its TypeScript is all run', () => {
    expect(blocks.filter(({ language, kind }) => language === 'ts' && kind === undefined)).toEqual([])
    const unused = ofKind('file').filter(({ name }) => !blocks.some(({ text }) => text.includes(`'./${name}'`)))
    expect(unused).toEqual([])
  })
})

/** What carries no question is refused in JSON, and costs nothing. */
async function wantsAQuestion(port: number, key: string): Promise<void> {
  const authorization = `Bearer ${key}`
  const json = { authorization, 'content-type': 'application/json' }
  const bodies: RequestInit[] = [
    { headers: { authorization } },
    { headers: json },
    { headers: json, body: '{}' },
    { headers: json, body: '{"question":["When"]}' },
    { headers: { authorization }, body: 'When do you open?' },
  ]
  for (const body of bodies) {
    const reply = await fetch(`http://127.0.0.1:${port}/ai/ask`, { method: 'POST', ...body })
    expect([reply.status, await reply.text()]).toEqual([400, expect.stringMatching(/^{"error":"send /)])
  }
  const balance = await fetch(`http://127.0.0.1:${port}/api/v1/credits`, { headers: json })
  expect(await balance.json()).toMatchObject({ credit_balance: 6_000 })
}

/** A key of an account that has credits. */
async function keyIn(filename: string): Promise<string> {
  const ledger = new Ledger(sqlite({ filename }))
  await ledger.migrate()
  const { accountId } = await ledger.openAccount({ name: 'Ada' })
  await ledger.grant({ accountId, amount: credits(6_000) })
  const created = await ledger.createApiKey({ accountId })
  await ledger.close()
  return created.status === 'created' && created.secret ? created.secret : ''
}

/** One client is in the middle of a request for good; others ask again and again on connections that they keep. */
async function endsAmongClients(server: ChildProcess, port: number): Promise<void> {
  const stuck = connect(port, '127.0.0.1').on('error', () => {})
  await once(stuck, 'connect')
  stuck.write('POST /ai/ask HTTP/1.1\r\nHost:')
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const ended = once(server, 'close')
  let hasEnded = false
  const busy = ['/ai/ask', '/api/v1/credits', '/ai/ask', '/healthz'].map(async (path) => {
    while (!hasEnded) await answerOf(port, path, agent)
  })
  await answerOf(port, '/healthz', agent)
  server.kill('SIGTERM')
  await untilRefused(port)
  // A process manager signals the program and npm, which passes it on.
  server.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  hasEnded = true
  await Promise.all(busy)
  agent.destroy()
  stuck.destroy()
}

/** Waits until nobody accepts connections. */
async function untilRefused(port: number): Promise<void> {
  for (;;) {
    const client = connect(port, '127.0.0.1')
    const isRefused = await once(client, 'connect').then(
      () => false,
      () => true,
    )
    client.on('error', () => {}).destroy()
    if (isRefused) return
  }
}

/** Waits until an answer has ended, or failed. */
function answerOf(port: number, path: string, agent: Agent): Promise<void> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path, agent, method: path.startsWith('/ai') ? 'POST' : 'GET' }, (answer) =>
      answer.on('close', resolve).resume(),
    )
    asked.on('error', () => setTimeout(resolve, 10)).end()
  })
}

/** A folder with the page's own files, where its programs run. */
async function folderOf(blocks: readonly Block[]): Promise<string> {
  const here = await mkdtemp(join(folder, 'page-'))
  for (const { kind, name, text } of blocks) if (kind === 'file' && name !== undefined) await writeFile(join(here, name), text)
  return here
}

/** What each block prints, in their order, since commands may use what a program has made. Programs that follow one another share a process. */
async function printedBy(blocks: readonly Block[], here: string): Promise<string[]> {
  const printed: string[] = []
  for (let at = 0; at < blocks.length; at = printed.length) {
    const next = blocks.slice(at).findIndex(({ kind }) => kind === 'shell')
    if (next === 0) printed.push(await printedByShell(blocks[at]?.text ?? '', here))
    else printed.push(...(await printedByPrograms(blocks.slice(at, next === -1 ? undefined : at + next), here)))
  }
  return printed
}

async function printedByShell(commands: string, cwd: string): Promise<string> {
  const env = { ...process.env, PATH: [folder, process.env.PATH].join(delimiter) }
  return (await run('/bin/sh', ['-e', '-c', commands], { cwd, env })).stdout
}

async function printedByPrograms(programs: readonly Block[], cwd: string): Promise<string[]> {
  const files = await Promise.all(programs.map(({ text }) => fileOf(text, cwd)))
  const start = async (variables: Record<string, string> = {}) => {
    const env = { ...process.env, ...variables }
    const { stdout } = await run(process.execPath, [...process.execArgv, RUNNER, ...files], { cwd, env })
    return stdout.split('\0').slice(0, -1)
  }
  if (!programs.some(({ text }) => text.includes('process.env.DATABASE_URL'))) return start()
  const database = await createTestDatabase()
  try {
    return await start({ DATABASE_URL: database.url })
  } finally {
    await database.drop()
  }
}

async function fileOf(program: string, here: string): Promise<string> {
  const file = join(here, `program-${Math.random().toString(36).slice(2)}.ts`)
  await writeFile(file, program)
  return file
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

async function askUntilItAnswers(url: string): Promise<Response> {
  for (let tries = 0; ; tries++) {
    try {
      return await fetch(url, { method: 'POST' })
    } catch (error) {
      if (tries > 2_000) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
