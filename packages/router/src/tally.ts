import { countCharacters } from '@farebox/core'

/** Sums up the events of a stream, so that they need not be kept. */
export interface Tally<Event, Produced> {
  add(event: Event): void
  /** The sum so far. */
  read(): Produced
}

/** What a stream has brought. */
export interface ProducedCounts {
  events: number
  /** Of the text, in code points. */
  characters: number
  /** Of the text, in UTF-8. */
  textBytes: number
  /** Of the arguments of tool calls, in UTF-8. */
  argumentBytes: number
  /** Of sound. */
  audioBytes: number
}

/** Counts what a stream brings, in the same memory however long it is. */
export function createTally(): Tally<{ type: string }, ProducedCounts> {
  const counts: ProducedCounts = { events: 0, characters: 0, textBytes: 0, argumentBytes: 0, audioBytes: 0 }
  return {
    add(event: { type: string; text?: unknown; arguments?: unknown; audio?: unknown }) {
      counts.events += 1
      // What a user said is not produced, though it comes as text.
      if (typeof event.text === 'string' && event.type === 'text') {
        counts.characters += countCharacters(event.text, 'code_points')
        counts.textBytes += countCharacters(event.text, 'utf8_bytes')
      }
      if (typeof event.arguments === 'string') counts.argumentBytes += countCharacters(event.arguments, 'utf8_bytes')
      if (event.audio instanceof Uint8Array) counts.audioBytes += event.audio.length
    },
    read: () => ({ ...counts }),
  }
}

/** Keeps every event. */
export function keepEvents<Event>(): Tally<Event, readonly Event[]> {
  const events: Event[] = []
  return { add: (event) => void events.push(event), read: () => events }
}
