import { execFile, spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const pages = ['README.md', ...globSync('packages/*/README.md', { cwd: root }).sort()]

/** A code block of a page, with what a comment before it says that it is. */
interface Block {
  kind: string | undefined
  language: string
  text: string
}

let folder: string
beforeAll(async () => {
  // Inside the repository, so that a snippet finds the packages that its reader has installed.
  folder = await mkdtemp(join(root, 'test/documentation/snippet-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.each(pages)('%s', (page) => {
  test('its programs print what it says', async () => {
    const blocks = await blocksOf(page)
    for (const [index, block] of blocks.entries()) {
      if (block.kind !== 'program') continue
      const { stdout } = await run(process.execPath, [...process.execArgv, await fileOf(block.text)], { cwd: folder })
      const output = blocks[index + 1]
      expect(output?.kind).toBe('output')
      expect(stdout).toBe(output?.text)
    }
    // Each program is a process of its own, and a page may have several.
  }, 120_000)

  test('its servers start, and want a key', async () => {
    for (const { text } of (await blocksOf(page)).filter(({ kind }) => kind === 'server')) {
      const port = await freePort()
      const program = await fileOf(text.replace('3000', String(port)))
      const server = spawn(process.execPath, [...process.execArgv, program], { cwd: folder, stdio: 'inherit' })
      try {
        const reply = await askUntilItAnswers(`http://127.0.0.1:${port}/ai/ask`)
        expect(reply.status).toBe(401)
        expect(await reply.json()).toMatchObject({ code: 'UNAUTHORIZED' })
      } finally {
        server.kill()
        await new Promise((resolve) => server.once('close', resolve))
      }
    }
  })

  test('its TypeScript is all run', async () => {
    const unmarked = (await blocksOf(page)).filter(({ language, kind }) => language === 'ts' && kind === undefined)
    expect(unmarked).toEqual([])
  })
})

async function blocksOf(page: string): Promise<Block[]> {
  const text = await readFile(join(root, page), 'utf8')
  const blocks = text.matchAll(/(?:<!-- (\w+) -->\n)?```(\w*)\n(.*?)```/gs)
  return [...blocks].map(([, kind, language = '', body = '']) => ({ kind, language, text: body }))
}

async function fileOf(program: string): Promise<string> {
  const file = join(folder, `program-${Math.random().toString(36).slice(2)}.ts`)
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
      if (tries > 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
