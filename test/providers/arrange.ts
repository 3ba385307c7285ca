import type { ProviderErrorKind } from '@farebox/core'
import type { Arranged, Situation } from '@farebox/providers/conformance'
import type { Fault } from '../loopback/faults.ts'
import type { Loopback } from '../loopback/loopback-server.ts'

/** What the situations that differ from method to method are made of. */
export interface SituationFaults {
  stalled: Fault
  truncated: Fault
  failure(kind: ProviderErrorKind): Fault
}

/** Makes a situation of the conformance suite out of faults of a loopback. */
export function arrangeFault(loopback: Loopback, situation: Situation, faults: SituationFaults): Arranged {
  switch (situation.type) {
    case 'unreported_usage':
      return loopback.fail({ type: 'no_usage' })
    case 'no_answer':
      return loopback.fail({ type: 'silence' })
    case 'stalled_answer':
      return loopback.fail(faults.stalled)
    case 'truncated_answer':
      return loopback.fail(faults.truncated)
    case 'failure':
      return loopback.fail(faults.failure(situation.kind))
  }
}
