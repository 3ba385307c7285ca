import { countCharacters } from '@farebox/core'

/** Summarizes the events of a stream, so that they need not be kept. */
export interface Tally<Event, Produced> {
  add(event: Event): void
  /** The summary so far. */
  read(): Produced
}

/** How much a stream has produced. */
export interface ProducedCounts {
  events: number
  /** Length of the text in code points. */
  characters: number
  /** Length of the text in UTF-8. */
  textBytes: number
  /** Length of the arguments of tool calls in UTF-8. */
  argumentBytes: number
  /** Length of the audio. */
  audioBytes: number
}

/** Creates a tally that counts what a stream produces. Its memory use does not grow with the stream. */
export function createTally(): Tally<{ type: string }, ProducedCounts> {
  const counts: ProducedCounts = { events: 0, characters: 0, textBytes: 0, argumentBytes: 0, audioBytes: 0 }
  return {
    add(event: { type: string; text?: unknown; arguments?: unknown; audio?: unknown }) {
      counts.events += 1
      // The transcript of what a user said also has text, but the provider did not produce it.
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
