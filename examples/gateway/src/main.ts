import { once } from 'node:events'
import { join } from 'node:path'
import { dashboard } from '@farebox/dashboard'
import { LedgerClosedError, Outbox, webhook } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { createFarebox, credits, type Farebox, type PriceBook, presets } from 'farebox'
import { Hono } from 'hono'
import { adminTokenIn, openDataFolder } from './data-folder.ts'
import { makeDemo } from './demo.ts'
import { type Environment, isSet, readEnvironment, SetupError } from './environment.ts'
import { ErrorLog } from './error-log.ts'
import { closeGently, type GatewayServer, gatewayServer, takeWaiting } from './http-server.ts'
import { choosePrices } from './prices.ts'
import { chooseProviders, type Providers } from './providers.ts'
import { startReconciling } from './reconciling.ts'
import { twilioStatus } from './twilio-status.ts'

/** How long pending requests may still run after a signal. */
const DRAIN_MS = 30_000
const SWEEP_MS = 30_000
const DAY_MS = 86_400_000
const DASHBOARD = '/dashboard'
/** URLs outside the API. */
const OTHERS = /^[^:]+:\/\/[^/]+\/(dashboard|twilio|[?]|$)/

const errors = new ErrorLog(console.error)

// The reader of the log may leave, as in `npm start | head`. The lines are lost then, but the gateway keeps serving.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

try {
  await main()
} catch (error) {
  console.error(
    `farebox: ${error instanceof SetupError ? error.message : error instanceof Error ? error.message : String(error)}`,
  )
  process.exit(1)
}

async function main(): Promise<void> {
  const environment = readEnvironment(process.env)
  const host = environment.HOST ?? '127.0.0.1'
  const { FAREBOX_DATA_DIR } = environment
  const needsFolder = !environment.DATABASE_URL || !environment.FAREBOX_ADMIN_TOKEN
  const folder = needsFolder || FAREBOX_DATA_DIR ? await openDataFolder(FAREBOX_DATA_DIR ?? './data') : ''
  const prices = choosePrices(environment)
  const providers = chooseProviders(environment, prices)
  const box = openFarebox(environment, { ...providers, prices }, folder)
  const outbox = openOutbox(environment, box)
  await box.migrate().catch((error: unknown) => {
    const where = environment.DATABASE_URL ? 'DATABASE_URL' : 'the data folder'
    throw new SetupError(`cannot open the store, see ${where}: ${(error as Error).message}`)
  })

  const admin = environment.FAREBOX_ADMIN_TOKEN ? undefined : await adminTokenIn(folder)
  const fetch = openRoutes(box, providers, {
    ...environment,
    FAREBOX_ADMIN_TOKEN: environment.FAREBOX_ADMIN_TOKEN ?? admin?.token,
  })
  const server = gatewayServer(fetch)
  const url = await listen(server, host, environment.PORT)
  // Before the lines below announce the server: there may be requests to finish already, and a reader may send a signal at once.
  const stopping = stopSignal()

  const isDemo = environment.NODE_ENV !== 'production' || environment.FAREBOX_DEMO_KEY !== undefined
  const adminToken = admin ? `$(cat '${admin.file}')` : '$FAREBOX_ADMIN_TOKEN'
  const demo = isDemo ? await makeDemo(box, environment.FAREBOX_DEMO_KEY, url, adminToken) : []
  print([
    `Farebox is listening on ${url}`,
    `dashboard: ${url}${DASHBOARD}, for the admin token or a key`,
    `store: ${environment.DATABASE_URL ? 'Postgres' : join(folder, 'farebox.db')}`,
    'providers:',
    ...providers.notes.map((note) => `  ${note}`),
    ...retiringNotes(box),
    ...(admin ? [`admin token: ${admin.isNew ? `${admin.token}, kept in` : 'in'} ${admin.file}`] : []),
    ...demo,
  ])

  outbox?.start()
  const sweeping = setInterval(() => void box.ledger.sweep().catch((error: unknown) => console.error('sweep:', error)), SWEEP_MS)
  const reconciling = providers.keepsRecords ? startReconciling(box, environment.FAREBOX_RECONCILE_SECONDS * 1000) : undefined
  const forgetting = startForgetting(box, environment.FAREBOX_KEEP_ANSWERS_DAYS)
  const signal = await stopping
  await takeWaiting()
  print([`${signal}: finishing the requests under way`])
  clearInterval(sweeping)
  clearInterval(forgetting)
  await Promise.all([drain(server), reconciling?.stop()])
  await outbox?.stop()
  await box.close()
  errors.end()
  print(['closed'])
  process.exit(0)
}

/** Deletes kept answers that are older than so many days, now and daily: each time, it reads all that are old. */
function startForgetting(box: Farebox, days: number): NodeJS.Timeout | undefined {
  if (days === 0) return undefined
  const olderThanMs = Math.round(days * DAY_MS)
  const forget = () =>
    box.forgetAnswers({ olderThanMs }).catch((error: unknown) => {
      // The gateway may stop in the middle of it.
      if (!(error instanceof LedgerClosedError)) console.error('forget answers:', error)
    })
  void forget()
  return setInterval(forget, Math.min(DAY_MS, olderThanMs))
}

function openFarebox(environment: Environment, { adapters, prices }: Providers & { prices: PriceBook }, folder: string): Farebox {
  const { DEFAULT_AI_MODEL, DEFAULT_TTS_PROVIDER, DEFAULT_STT_PROVIDER, COST_OPTIMIZATION_ENABLED, MINIMUM_CREDITS_FOR_API_KEY } =
    environment
  return createFarebox({
    store: environment.DATABASE_URL
      ? postgres({ connectionString: environment.DATABASE_URL })
      : sqlite({ filename: join(folder, 'farebox.db') }),
    providers: adapters,
    prices,
    configuration: presets.balanced({
      primaryAiModel: DEFAULT_AI_MODEL,
      ttsProvider: DEFAULT_TTS_PROVIDER,
      sttProvider: DEFAULT_STT_PROVIDER,
      costOptimization: COST_OPTIMIZATION_ENABLED === undefined ? undefined : isSet(COST_OPTIMIZATION_ENABLED),
    }),
    minimumCreditsForApiKey: credits(MINIMUM_CREDITS_FOR_API_KEY ?? '5000'),
    spool:
      folder === '' ? undefined : { directory: join(folder, 'spool'), onRefused: (_, reason) => console.error('spool:', reason) },
    closedWorkflowEvents: environment.FAREBOX_WEBHOOK_URL !== undefined,
    onError: logError,
  })
}

/** Combines the library's API with the dashboard and the route for Twilio's callbacks. */
function openRoutes(box: Farebox, { callbacks }: Providers, environment: Environment): (request: Request) => Promise<Response> {
  const { FAREBOX_CORS_ORIGINS: origins } = environment
  const api = box.routes({
    adminToken: environment.FAREBOX_ADMIN_TOKEN,
    limits: {
      requestsPerMinutePerKey: environment.FAREBOX_REQUESTS_PER_MINUTE,
      concurrentRequestsPerKey: environment.FAREBOX_CONCURRENT_REQUESTS,
    },
    cors: origins && { origins },
    onError: logError,
  })
  const others = new Hono()
  if (callbacks) others.route('/', twilioStatus(callbacks.twilio, callbacks.url))
  const pages = dashboard({ path: DASHBOARD })
  for (const path of [DASHBOARD, `${DASHBOARD}/*`]) others.all(path, (context) => pages(context.req.raw))
  // Somebody who opens the printed address should see something.
  others.get('/', (context) => context.redirect(DASHBOARD))
  others.all('*', (context) => api(context.req.raw))
  // Nearly all requests are for the API, which does its own routing.
  return async (request) => (OTHERS.test(request.url) ? others.fetch(request) : api(request))
}

/** Lists the models that will be retired, each once, even if it serves two services. */
function retiringNotes(box: Farebox): string[] {
  const notes = box
    .retiring()
    .map(({ offer, retires, daysLeft }) => `  ${offer.model} of ${offer.provider} ends on ${retires}, in ${daysLeft} days`)
  return [...new Set(notes)]
}

function logError(error: unknown): void {
  errors.add(error)
}

/** Delivers the ledger's events to a webhook, if one is set. */
function openOutbox({ FAREBOX_WEBHOOK_URL: url, FAREBOX_WEBHOOK_SECRET: secret }: Environment, box: Farebox): Outbox | undefined {
  if (url === undefined && secret === undefined) return undefined
  if (url === undefined || secret === undefined)
    throw new SetupError('FAREBOX_WEBHOOK_URL and FAREBOX_WEBHOOK_SECRET go together')
  return new Outbox(box.ledger, {
    deliver: webhookOf(url, secret),
    onError: (error) => console.error('webhook:', error instanceof Error ? error.message : error),
  })
}

function webhookOf(url: string, secret: string): ReturnType<typeof webhook> {
  try {
    return webhook({ url, secret })
  } catch (error) {
    throw new SetupError(`FAREBOX_WEBHOOK_URL and FAREBOX_WEBHOOK_SECRET: ${(error as Error).message}`)
  }
}

async function listen(server: GatewayServer, host: string, port: number): Promise<string> {
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw new SetupError(`port ${port} on ${host} is in use: stop the other program, or set PORT`)
    throw new SetupError(`cannot listen on ${host}:${port}: ${message}`)
  }
  const address = server.address()
  return `http://${host.includes(':') ? `[${host}]` : host}:${typeof address === 'object' ? address?.port : port}`
}

/** Resolves at the first signal. It may come twice, from the terminal and from npm: the second changes nothing. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve(signal))
  })
}

async function drain(server: GatewayServer): Promise<void> {
  const patience = setTimeout(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
  }, DRAIN_MS)
  await closeGently(server)
  clearTimeout(patience)
}

function print(lines: readonly string[]): void {
  console.log(lines.join('\n'))
}
