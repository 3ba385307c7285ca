import { EventParser } from './event-parser.ts'

/** The `data` of each server-sent event in a stream of bytes. See {@link EventParser}. */
export async function* serverSentEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const parser = new EventParser()
  for await (const chunk of bytes) yield* parser.read(chunk)
}
