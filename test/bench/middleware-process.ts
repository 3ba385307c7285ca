import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { credits, isFareboxError, microCredits, quantity } from '@farebox/core'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import Database from 'better-sqlite3'
import express from 'express'
import { createFarebox, presets, type Workflow } from 'farebox'
import { fareboxErrors, farebox as fareboxExpress } from 'farebox/express'
import { type FareboxState, farebox as fareboxKoa } from 'farebox/koa'
import Koa from 'koa'

/** What a request passes through before its answer, beside the framework and the body's parser. */
export type Mounted = 'bare' | 'gate' | 'hold' | 'record' | 'chat' | 'naive'

interface Asked {
  text: string
}

/** What comes after a request's answer. */
type After = (() => void) | undefined

/** Work before a request's answer. */
type Meter = (authorization: string | undefined, workflow: Workflow | undefined) => After | Promise<After>

const KEY = 'fbx_bench_0123456789abcdefghijklmnopqrstuvwxyz'
const [framework = 'express', mounted = 'bare', filename = ':memory:'] = process.argv.slice(2) as [string, Mounted, string]
const price = { service: 'gpt', provider: 'gpt-4o-mini' } as const
const FUNDS = 1_000_000_000
let failures = 0
const fail = (error: unknown) => {
  // The load ends in the middle of its last requests.
  if (isFareboxError(error) && error.code === 'CALLER_LEFT') return
  failures += 1
  console.error(error)
}

const box = createFarebox({
  store: sqlite({ filename: mounted === 'naive' ? ':memory:' : filename }),
  providers: [simulated()],
  configuration: presets.costOptimized(),
  onError: fail,
})
await box.migrate()
const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
await box.ledger.grant({ accountId, amount: credits(FUNDS) })
await box.ledger.createApiKey({ accountId, secret: KEY })

const meters: Record<Mounted, Meter | undefined> = {
  bare: undefined,
  gate() {
    box.prices.price(price, [{ meter: 'usage', quantity: quantity(1_500), unit: 'tokens' }])
    return undefined
  },
  async hold(authorization) {
    const { apiKeyId } = await box.authenticate(authorization?.slice('Bearer '.length))
    const { priced } = box.prices.price(price, [{ meter: 'usage', quantity: quantity(1_500), unit: 'tokens' }])
    const outcome = await box.ledger.placeHold({ accountId, apiKeyId, ...price, amount: priced.rated })
    if (outcome.status !== 'held') throw new Error(outcome.reason)
    return () => void box.ledger.settleHold({ accountId, holdId: outcome.holdId, usage: priced }).catch(fail)
  },
  async record(_, workflow) {
    await workflow?.record('gpt', 'gpt-4o-mini', 1_500, 'tokens')
    return undefined
  },
  async chat(_, workflow) {
    await workflow?.chat({ messages: [{ role: 'user', content: 'When do you open on Sundays?' }] })
    return undefined
  },
  naive: mounted === 'naive' ? naiveMeter(filename) : undefined,
}
const meter = meters[mounted]
const hasWorkflow = mounted === 'gate' || mounted === 'record' || mounted === 'chat'

const server = createServer(framework === 'express' ? expressApp() : koaApp())
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit(1))
process.on('message', async () => {
  server.close()
  server.closeAllConnections()
  await box.close()
  process.send?.(await audit(), () => process.exit(0))
})

function expressApp(): RequestListener {
  const app = express()
  app.use(express.json())
  if (hasWorkflow) app.use(fareboxExpress(box, { workflow: 'bench', onError: fail }))
  if (!meter) {
    app.post('/ask', (request, response) => void response.json(answer(request.body)))
    return app
  }
  app.post('/ask', (request, response) => {
    const end = (after: After) => {
      if (after) response.once('finish', after)
      response.json(answer(request.body))
    }
    const metered = meter(request.headers.authorization, request.farebox)
    // What waits for nothing is as it would be written: without a promise.
    return metered instanceof Promise ? metered.then(end) : end(metered)
  })
  app.use(fareboxErrors())
  return app
}

function koaApp(): RequestListener {
  const app = new Koa<FareboxState & { body: Asked }>()
  app.use(async (context, next) => {
    context.state.body = await readJson(context.req)
    await next()
  })
  if (hasWorkflow) app.use(fareboxKoa(box, { workflow: 'bench', onError: fail }) as Koa.Middleware)
  app.use(async (context) => {
    if (meter) {
      const metered = meter(context.get('authorization'), context.state.farebox)
      const after = metered instanceof Promise ? await metered : metered
      if (after) context.res.once('finish', after)
    }
    context.body = answer(context.state.body)
  })
  return app.callback()
}

function answer({ text }: Asked) {
  return { length: text.length }
}

async function readJson(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString()) as Asked
}

/** What teams write first: a durable transaction of its own for the hold, and another for the charge. */
function naiveMeter(file: string): Meter {
  const database = new Database(file)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec(`CREATE TABLE account (id TEXT PRIMARY KEY, balance INTEGER, held INTEGER);
    CREATE TABLE hold (id INTEGER PRIMARY KEY, account TEXT, amount INTEGER);
    CREATE TABLE usage (id INTEGER PRIMARY KEY, account TEXT, amount INTEGER)`)
  database.prepare('INSERT INTO account VALUES (?, ?, 0)').run(accountId, FUNDS)
  const take = database.prepare('UPDATE account SET held = held + ? WHERE id = ? AND balance - held >= ?')
  const insertHold = database.prepare('INSERT INTO hold (account, amount) VALUES (?, ?)')
  const spend = database.prepare('UPDATE account SET held = held - ?, balance = balance - ? WHERE id = ?')
  const insertUsage = database.prepare('INSERT INTO usage (account, amount) VALUES (?, ?)')
  const drop = database.prepare('DELETE FROM hold WHERE id = ?')
  const place = database.transaction((amount: number) => {
    if (take.run(amount, accountId, amount).changes !== 1) throw new Error('refused')
    return insertHold.run(accountId, amount).lastInsertRowid
  })
  const settle = database.transaction((id: number | bigint, amount: number) => {
    spend.run(amount, amount, accountId)
    insertUsage.run(accountId, amount)
    drop.run(id)
  })
  return async () => {
    const id = place.immediate(2)
    return () => void settle.immediate(id, 2)
  }
}

/** What is wrong in the books, and how much was spent. */
async function audit(): Promise<{ mismatches: number; failures: number; charges: number }> {
  if (filename === ':memory:' || mounted === 'naive') return { mismatches: 0, failures, charges: 0 }
  const again = createFarebox({ store: sqlite({ filename }), providers: [] })
  const { mismatches } = await again.ledger.verify(accountId)
  const { services } = await again.ledger.breakdowns({ accountId })
  const charges = services.reduce((sum, { records }) => sum + records, 0)
  const spent = services.reduce((sum, { charged }) => sum + charged, microCredits(0n) as bigint)
  const { balance } = await again.ledger.balance(accountId)
  await again.close()
  const isBalanced = balance + spent === credits(FUNDS)
  return { mismatches: mismatches.length + (isBalanced ? 0 : 1), failures, charges }
}
