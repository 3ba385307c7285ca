import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credits } from '@farebox/core'
import { sqlite } from '@farebox/ledger/sqlite'
import { createFarebox } from 'farebox'
import { buildPackages } from '../../packages/build.ts'
import { measuredProcess, SERVER_CORE, type ServerProcess } from './server-process.ts'

/** A gateway in front of a server that speaks OpenAI's API. */
export interface Gateway extends ServerProcess {
  /** What a request carries so that it goes there. */
  headers: Record<string, string>
}

interface StartOptions {
  /** Where the server behind it is: `http://127.0.0.1:1234`. */
  upstream: string
  node: string
  /** A folder of its own. */
  folder: string
}

const KEY = 'fbx_bench_0123456789abcdefghijklmnopqrstuvwxyz'
const ADMIN = 'fba_bench_admin'
const FUNDS = 500_000_000
const PORTKEY = '1.15.2'
/** Newer ones answer every stream of Portkey's with a 500: its issue 1389. */
const PORTKEY_SERVER = '1.12.2'

/** Our example gateway as `npm start` runs it, from built packages, metering on SQLite. What it says at its end is what its books look like. */
export async function startOurs({ upstream, node, folder }: StartOptions): Promise<Gateway> {
  await buildPackages()
  const main = join(import.meta.dirname, '../../examples/gateway/src/main.ts')
  const env = {
    PATH: process.env.PATH,
    NODE_ENV: 'production',
    PORT: '0',
    FAREBOX_DATA_DIR: folder,
    FAREBOX_ADMIN_TOKEN: ADMIN,
    FAREBOX_DEMO_KEY: KEY,
    OPENAI_API_KEY: 'sk-bench',
    OPENAI_BASE_URL: `${upstream}/v1`,
  }
  const flags = ['--no-warnings', ...(process.env.GATEWAY_FLAGS?.split(' ') ?? [])]
  const child = spawn('taskset', ['-c', String(SERVER_CORE), node, ...flags, main], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const url = await new Promise<string>((resolve, reject) => {
    let printed = ''
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
      const found = /listening on (\S+)/.exec(printed)?.[1]
      if (found && printed.includes('demo account')) resolve(found)
    })
    child.once('exit', () => reject(new Error(`the gateway ended: ${printed}`)))
  })
  const response = await fetch(`${url}/api/v1/admin/grants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ account_id: 'demo', credits: FUNDS, source: 'promo' }),
  })
  if (!response.ok) throw new Error(`no credits: ${await response.text()}`)
  return {
    ...measuredProcess(child, url),
    headers: { authorization: `Bearer ${KEY}` },
    async stop() {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
      return audit(join(folder, 'farebox.db'))
    },
  }
}

/** Portkey's gateway from npm, installed in a folder of the system's for temporary files, and kept there. */
export async function startPortkey({ upstream, node }: StartOptions): Promise<Gateway> {
  const home = join(tmpdir(), `farebox-bench-portkey-${PORTKEY}`)
  const main = join(home, 'node_modules/@portkey-ai/gateway/build/start-server.js')
  if (!existsSync(main)) {
    mkdirSync(home, { recursive: true })
    const manifest = {
      private: true,
      dependencies: { '@portkey-ai/gateway': PORTKEY },
      overrides: { '@hono/node-server': PORTKEY_SERVER },
    }
    writeFileSync(join(home, 'package.json'), JSON.stringify(manifest))
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--silent'], { cwd: home, stdio: 'inherit' })
  }
  const port = await freePort()
  const env = { PATH: process.env.PATH, NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1' }
  const child = spawn('taskset', ['-c', String(SERVER_CORE), node, '--no-warnings', main, '--headless', `--port=${port}`], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const url = `http://127.0.0.1:${port}`
  while (!(await fetch(url).catch(() => undefined))) {
    if (child.exitCode !== null) throw new Error(`Portkey ended with ${child.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    ...measuredProcess(child, url),
    headers: {
      authorization: 'Bearer sk-bench',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `${upstream}/v1`,
    },
    async stop() {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
      return undefined
    },
  }
}

/** What the books say after a gateway has ended. */
export interface GatewayAudit {
  mismatches: number
  /** Usage records, and the tokens that they add up to. */
  charges: number
  tokens: number
}

async function audit(filename: string): Promise<GatewayAudit> {
  const box = createFarebox({ store: sqlite({ filename }), providers: [] })
  const { mismatches } = await box.ledger.verify('demo')
  const { services } = await box.ledger.breakdowns({ accountId: 'demo' })
  const spent = services.reduce((sum, { charged }) => sum + charged, 0n)
  const { balance, held } = await box.ledger.balance('demo')
  await box.close()
  const isBalanced = balance + spent === credits(FUNDS + 100_000) && held === 0n
  return {
    mismatches: mismatches.length + (isBalanced ? 0 : 1),
    charges: services.reduce((sum, { records }) => sum + records, 0),
    tokens: services.reduce((sum, { quantity }) => sum + Number(quantity / 1_000_000n), 0),
  }
}

/** Portkey is told its port. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || !address) throw new Error('no port')
  return address.port
}
