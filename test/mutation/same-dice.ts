import fc, { type IRawProperty, type Parameters } from 'fast-check'
import { vi } from 'vitest'

/** The most histories that a property is tried with, where it says how many. */
const RUNS_MAX = 100

// Nobody reads the shortest story of a mutant that was found.
fc.configureGlobal({ seed: 20_260_715, endOnFailure: true })

/** The reference finds nearly all that is found by chance, and is asked in full; of the other properties so many histories say as much. */
vi.mock('fast-check', async (original) => {
  const real = await original<typeof import('fast-check')>()
  const assert = <Drawn>(property: IRawProperty<Drawn>, parameters: Parameters<Drawn> = {}) => {
    const { numRuns = 100 } = parameters
    return real.assert(property, { ...parameters, numRuns: property.isAsync() ? numRuns : Math.min(numRuns, RUNS_MAX) })
  }
  return { ...real, assert, default: { ...real.default, assert } }
})
