import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type ChatEvent, quantity, type Usage } from '@farebox/core'
import { attempt, attemptStream, createConcurrency, createHealth, createHedgeBudget, createTally } from '@farebox/router'
import { routeOf } from '../router/scripted.ts'
import { median } from './measure.ts'

/**
 * What the attempt loop adds in processor time: to each chunk of a stream, to a stream as a whole, and to a call that answers as a whole,
 * against reading the same provider directly in the same round. And whether memory grows: over 200 thousand attempts with everything
 * switched on and one caller's signal for all of them, and over one stream of a million chunks that is summed up.
 */
const ROUNDS = 11
const STREAMS = 20
const CHUNKS = 2_000
const CALLS = 5_000
const ATTEMPTS = 200_000
const LONG_STREAM = 1_000_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const usage: Usage = { quantities: [{ meter: 'output', quantity: quantity(3), unit: 'tokens' }], certainty: 'exact' }
const finish: ChatEvent = { type: 'finish', finishReason: 'stop', model: 'm', usage }
const route = routeOf(['first', 'second'])
const everything = {
  health: createHealth(),
  concurrency: createConcurrency({ default: 100 }),
  hedge: { afterMs: 10_000, budget: createHedgeBudget() },
  signal: new AbortController().signal,
}

/** A provider whose chunks come one after another, each a turn of the event loop's microtasks later. */
async function* send(chunks: number): AsyncGenerator<ChatEvent> {
  for (let chunk = 0; chunk < chunks; chunk++) yield { type: 'text', text: 'word ' }
  yield finish
}

const call = async () => ({ text: 'hello', usage })

async function readDirectly(chunks: number): Promise<void> {
  for await (const event of send(chunks)) if (event.type === 'finish') return
}

/** @param look  called at every hundred thousandth chunk */
async function readByRouter(chunks: number, look?: () => void): Promise<void> {
  const outcome = await attemptStream({ route, id: 'r', open: () => send(chunks), tally: createTally, ...everything })
  if (outcome.status !== 'succeeded') throw new Error(outcome.status)
  let read = 0
  for await (const event of outcome.value.events) {
    if (event.type === 'finish') break
    read += 1
    if (read % 100_000 === 0) look?.()
  }
  await outcome.value.ended
}

async function callByRouter(): Promise<void> {
  const outcome = await attempt({ route, id: 'r', call, ...everything })
  if (outcome.status !== 'succeeded') throw new Error(outcome.status)
}

/** Microseconds of processor time for each of `times`. */
async function cpu(times: number, work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  for (let time = 0; time < times; time++) await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}

const added = { chunk: [] as number[], stream: [] as number[], call: [] as number[] }
for (let round = 0; round < ROUNDS; round++) {
  const direct = await cpu(STREAMS, () => readDirectly(CHUNKS))
  const routed = await cpu(STREAMS, () => readByRouter(CHUNKS))
  added.chunk.push((routed - direct) / CHUNKS)
  const directShort = await cpu(CALLS, () => readDirectly(1))
  added.stream.push((await cpu(CALLS, () => readByRouter(1))) - directShort)
  const directCall = await cpu(CALLS, call)
  added.call.push((await cpu(CALLS, callByRouter)) - directCall)
}
console.table(
  Object.entries(added).map(([what, values]) => ({
    'added to each': what === 'stream' ? 'stream of one chunk' : what,
    'processor time': micro(median(values)),
    range: `${micro(Math.min(...values))}..${micro(Math.max(...values))}`,
  })),
)

const grown = [
  { over: `${ATTEMPTS.toLocaleString('en')} attempts`, grew: await growth(() => repeat(ATTEMPTS, callByRouter)) },
  {
    over: `${(ATTEMPTS / 10).toLocaleString('en')} streams`,
    grew: await growth(() => repeat(ATTEMPTS / 10, () => readByRouter(3))),
  },
  {
    over: `one stream of ${LONG_STREAM.toLocaleString('en')} chunks`,
    grew: await growth((look) => readByRouter(LONG_STREAM, look)),
  },
]
console.table(grown.map(({ over, grew }) => ({ over, 'heap grew by': `${(grew / 2 ** 20).toFixed(2)} MB` })))

const tooSlow = median(added.chunk) > 20
const leaks = grown.some(({ grew }) => grew > 4 * 2 ** 20)
if (tooSlow) console.error('a chunk costs more than 20 µs')
if (leaks) console.error('memory grows')
if (tooSlow || leaks) process.exitCode = 1

async function repeat(times: number, work: () => Promise<void>): Promise<void> {
  for (let time = 0; time < times; time++) await work()
}

/** How much the heap grows over `work`, warmed up before: in the end, or at the moments at which `work` has it looked at. */
async function growth(work: (look: () => void) => Promise<void>): Promise<number> {
  await repeat(2_000, callByRouter)
  collect()
  const before = process.memoryUsage().heapUsed
  let highest = Number.NEGATIVE_INFINITY
  const look = () => {
    collect()
    highest = Math.max(highest, process.memoryUsage().heapUsed - before)
  }
  await work(look)
  look()
  return highest
}

function micro(value: number): string {
  return `${value.toFixed(2)} µs`
}
