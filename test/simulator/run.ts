import { parseArgs } from 'node:util'
import { type Tally, World, WorldError } from './world.ts'

/**
 * Lives through as many worlds as are asked for, each from a seed of its own: `npm run simulate -- --operations 1000000`. A world in which
 * something is not as it must be ends the run with its seed, and `FAREBOX_SEED=<seed> npm run simulate` lives through that one again.
 */
const OPERATIONS_PER_WORLD = 400
const EVENTS_SHOWN = 40
const { values } = parseArgs({
  options: { operations: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
})

const only = process.env.FAREBOX_SEED
if (only === undefined) simulate(Number(values.operations), Number(values.seed))
else replay(Number(only))

function simulate(operations: number, firstSeed: number): void {
  const started = performance.now()
  const tally: Tally = { worlds: 0 }
  let told = started
  for (let seed = firstSeed; (tally.operations ?? 0) < operations; seed++) {
    const world = new World({ seed, operations: OPERATIONS_PER_WORLD })
    try {
      world.live()
    } catch (error) {
      fail(error)
      return
    }
    for (const [name, count] of Object.entries({ ...world.tally, worlds: 1 })) tally[name] = (tally[name] ?? 0) + count
    if (performance.now() - told < 5_000) continue
    told = performance.now()
    console.error(`${tally.operations} of ${operations} operations, in ${tally.worlds} worlds, ${seconds(started)} s`)
  }
  console.table(Object.entries(tally).map(([what, count]) => ({ what, count: count.toLocaleString('en') })))
  console.log(
    `Seeds ${firstSeed} to ${firstSeed + (tally.worlds ?? 0) - 1}: nothing was wrong. ${seconds(started)} s, Node ${process.versions.node}`,
  )
}

function replay(seed: number): void {
  const events: string[] = []
  const world = new World({ seed, operations: OPERATIONS_PER_WORLD, trace: (event) => events.push(event) })
  try {
    world.live()
    console.log(`seed ${seed}: nothing was wrong`)
  } catch (error) {
    console.error(events.slice(-EVENTS_SHOWN).join('\n'))
    fail(error)
  }
}

function fail(error: unknown): void {
  console.error(error)
  if (error instanceof WorldError) console.error(`Again, with what led to it: FAREBOX_SEED=${error.seed} npm run simulate`)
  process.exitCode = 1
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1_000).toFixed(0)
}
