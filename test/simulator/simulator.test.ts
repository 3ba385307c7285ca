import { describe, expect, test } from 'vitest'
import { plantedBugs } from './planted-bugs.ts'
import { type Tally, World, WorldError } from './world.ts'

const OPERATIONS = 150

/** `npm run simulate` lives through thousands more. */
test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])('the ledger is sound in world %i, where everything goes wrong', (seed) => {
  new World({ seed, operations: OPERATIONS }).live()
})

test('a seed leads to the same world again', () => {
  const live = (): [Tally, string[]] => {
    const told: string[] = []
    const world = new World({ seed: 42, operations: OPERATIONS, trace: (event) => told.push(event) })
    world.live()
    return [world.tally, told]
  }
  expect(live()).toEqual(live())
})

describe('the simulator finds', () => {
  test.each(Object.entries(plantedBugs))('%s', (_, bug) => {
    const found = firstFailure(bug)
    expect(found).toBeInstanceOf(WorldError)
    // At the same step again, so that it can be looked into.
    const again = failureIn(found?.seed ?? 0, bug)
    expect(again?.message).toBe(found?.message)
  })
})

function firstFailure(bug: (typeof plantedBugs)[string]): WorldError | undefined {
  for (let seed = 1; seed <= 40; seed++) {
    const failure = failureIn(seed, bug)
    if (failure) return failure
  }
  return undefined
}

function failureIn(seed: number, bug: (typeof plantedBugs)[string] | undefined): WorldError | undefined {
  try {
    new World({ ...bug, seed, operations: OPERATIONS }).live()
    return undefined
  } catch (error) {
    return error as WorldError
  }
}
