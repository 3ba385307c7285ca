import type { Tone } from '../parts/badge.tsx'

const CONDITIONS: ReadonlyMap<string, readonly [text: string, tone: Tone]> = new Map([
  ['ok', ['OK', 'good']],
  ['probe', ['Trying again', 'warn']],
  ['rate_limited', ['Rate limited', 'warn']],
  ['refusing', ['Refusing', 'bad']],
  ['sick', ['Failing', 'bad']],
])

/** The health of a provider in words, the same in every view. */
export function conditionInWords(condition: string): readonly [text: string, tone: Tone] {
  return CONDITIONS.get(condition) ?? [condition.replaceAll('_', ' '), 'warn']
}
