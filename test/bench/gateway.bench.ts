import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Gateway, type GatewayAudit, startOurs, startPortkey } from './gateways.ts'
import { load } from './http-load.ts'
import { median, ratio } from './measure.ts'
import { chosenNode, LOAD_CORE, pinToLoadCore, startServer } from './server-process.ts'
import { loadStreams, type StreamTimes, stepThrough } from './stream-load.ts'

/**
 * Our example gateway, metering every request on SQLite, beside `@portkey-ai/gateway`, which meters nothing. Both run on one core; the server
 * behind them and their clients on another. CPU per request is taken of both while they answer at the same time; times and rates in slices
 * that alternate. `--node 24` runs the gateways on another Node.
 */
const ROUNDS = Number(process.env.ROUNDS ?? 5)
const SECONDS = Number(process.env.SECONDS ?? 3)
const STREAMS = Number(process.env.STREAMS ?? 400)
const WARM_UP_ROUNDS = 3
const WORDS = 61
const TOKENS = 40 + 61

const question = [{ role: 'user', content: 'Where does a heron sleep, and what does it hunt at dusk? '.repeat(8) }]
const wholeBody = JSON.stringify({ model: 'gpt-4o-mini', messages: question })
const streamBody = JSON.stringify({ model: 'gpt-4o-mini', messages: question, stream: true })
const stepBody = JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'step' }], stream: true })

const node = chosenNode()
pinToLoadCore()
const folder = mkdtempSync(join(tmpdir(), 'farebox-bench-'))
const upstream = await startServer(join(import.meta.dirname, 'gateway-upstream-process.ts'), [], { core: LOAD_CORE })
const options = { upstream: upstream.url, node: node.path, folder }
const ours = await startOurs(options)
const portkey = await startPortkey(options)
const direct = { url: upstream.url, headers: {} }
type Target = Pick<Gateway, 'url' | 'headers'>
const targets: Record<'direct' | 'portkey' | 'ours', Target> = { direct, portkey, ours }
let answered = 0

try {
  console.log(`gateways on Node ${node.version}, ${ROUNDS} rounds`)
  // Until both have been compiled: an optimising compiler works for thousands of requests.
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
    await askBoth(16)
    await streamBoth(16)
  }
  const rows: Record<string, object> = {
    ...(await oneConnection()),
    ...(await sixteenConnections()),
    'memory after the run, MiB': row([ours.rssMib()], [portkey.rssMib()], { digits: 0, goal: 0.8 }),
  }
  console.table(rows)
  const steps = await Promise.all([stepped(ours)])
  answered += 1
  console.log(
    `words that came one by one, each sent after the one before had arrived: ${steps[0]} of ${WORDS}; Portkey ${await stepped(portkey)}`,
  )
  if (steps[0] !== WORDS) process.exitCode = 1
  const books = (await ours.stop()) as GatewayAudit
  const isCharged = books.charges >= answered && books.tokens === books.charges * TOKENS
  console.log(`mismatches: ${books.mismatches}; ${books.charges} charges of ${TOKENS} tokens for at least ${answered} answers`)
  if (books.mismatches > 0 || !isCharged) process.exitCode = 1
} finally {
  if (ours.child.exitCode === null) ours.child.kill('SIGKILL')
  await portkey.stop()
  upstream.child.kill()
  rmSync(folder, { recursive: true, force: true })
}

/** One request at a time: what a gateway adds to the time that the server behind it takes. */
async function oneConnection() {
  const whole = { direct: [] as number[], portkey: [] as number[], ours: [] as number[] }
  const first = { direct: [] as number[], portkey: [] as number[], ours: [] as number[] }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of order(round)) {
      const { whole: times } = await wholes(targets[name], 1, STREAMS / 2)
      whole[name].push(median(times))
      const { first: firsts } = await streams(targets[name], 1, STREAMS / 8)
      first[name].push(median(firsts))
    }
  }
  const added = (times: typeof whole, name: 'ours' | 'portkey') =>
    times[name].map((time, round) => time - (times.direct[round] ?? Number.NaN))
  return {
    'whole, 1 connection: added ms': row(added(whole, 'ours'), added(whole, 'portkey'), { digits: 2, goal: 0.6 }),
    'stream, 1 connection: added ms to the first byte': row(added(first, 'ours'), added(first, 'portkey'), {
      digits: 2,
      goal: 0.1,
    }),
  }
}

async function sixteenConnections() {
  const wholeCpu: [number, number][] = []
  const streamCpu: [number, number][] = []
  const wholeRate: [number, number][] = []
  const streamRate: [number, number][] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    wholeCpu.push(await askBoth(16))
    streamCpu.push(await streamBoth(16))
    const rates = { portkey: 0, ours: 0 }
    const streamRates = { portkey: 0, ours: 0 }
    for (const name of order(round)) {
      if (name === 'direct') continue
      rates[name] = (await ask(targets[name], 16, SECONDS / 2)) / (SECONDS / 2)
      const started = performance.now()
      await streams(targets[name], 16, STREAMS)
      streamRates[name] = (STREAMS / (performance.now() - started)) * 1_000
    }
    wholeRate.push([rates.ours, rates.portkey])
    streamRate.push([streamRates.ours, streamRates.portkey])
  }
  const split = (pairs: [number, number][]) => [pairs.map(([mine]) => mine), pairs.map(([, theirs]) => theirs)] as const
  return {
    'whole, 16 connections: CPU µs': row(...split(wholeCpu), { digits: 0, goal: 0.5 }),
    'whole, 16 connections: requests/s': row(...split(wholeRate), { digits: 0, goal: 2, isRate: true }),
    'stream, 16 connections: CPU µs': row(...split(streamCpu), { digits: 0, goal: 0.5 }),
    'stream, 16 connections: streams/s': row(...split(streamRate), { digits: 0, isRate: true }),
  }
}

/** Microseconds of CPU per request of either gateway, asked at the same time. */
async function askBoth(connections: number): Promise<[number, number]> {
  const before = [ours.cpuMs(), portkey.cpuMs()] as const
  const [mine, theirs] = await Promise.all([ask(ours, connections, SECONDS), ask(portkey, connections, SECONDS)])
  return [((ours.cpuMs() - before[0]) * 1_000) / mine, ((portkey.cpuMs() - before[1]) * 1_000) / theirs]
}

/** The same of streams. Each gateway's share is as large, so that both are busy for all of the time. */
async function streamBoth(connections: number): Promise<[number, number]> {
  const cpu = async (gateway: Gateway) => {
    const before = gateway.cpuMs()
    await streams(gateway, connections, STREAMS)
    return ((gateway.cpuMs() - before) * 1_000) / STREAMS
  }
  return Promise.all([cpu(ours), cpu(portkey)])
}

async function ask(target: Target, connections: number, seconds: number): Promise<number> {
  const { requests } = await load({ ...place(target), body: wholeBody, connections, seconds })
  if (target === ours) answered += requests
  return requests
}

async function streams(target: Target, connections: number, count: number): Promise<StreamTimes> {
  if (target === ours) answered += count
  return loadStreams({ ...place(target), body: streamBody, connections, streams: count })
}

async function wholes(target: Target, connections: number, count: number): Promise<StreamTimes> {
  if (target === ours) answered += count
  return loadStreams({ ...place(target), body: wholeBody, connections, streams: count })
}

function stepped(target: Target): Promise<number> {
  return stepThrough({ ...place(target), body: stepBody }, () => upstream.child.send('next'))
}

function place({ url, headers }: Target) {
  return { url: `${url}/v1/chat/completions`, headers }
}

function order(round: number): ('direct' | 'portkey' | 'ours')[] {
  return round % 2 === 0 ? ['direct', 'portkey', 'ours'] : ['ours', 'portkey', 'direct']
}

function row(
  mine: readonly number[],
  theirs: readonly number[],
  { digits, goal, isRate = false }: { digits: number; goal?: number; isRate?: boolean },
) {
  const ratios = mine.map((value, round) => value / (theirs[round] ?? Number.NaN))
  return {
    ours: median(mine).toFixed(digits),
    Portkey: median(theirs).toFixed(digits),
    'ours ÷ Portkey': ratio(ratios),
    goal: goal === undefined ? '' : `${isRate ? '≥' : '≤'} ${goal}`,
    load: loadavg()[0]?.toFixed(1),
  }
}
