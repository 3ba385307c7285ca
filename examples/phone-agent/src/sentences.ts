/** A complete sentence, and the text after it. A short sentence is spoken together with the next. */
const SENTENCE = /^(.{12,}?[.!?…]["”’)]*)\s+(.*)$/s

/** Splits an answer into sentences as it arrives, so that the first can be spoken before the last is written. */
export async function* sentencesOf(events: AsyncIterable<{ type: string; text?: string }>): AsyncGenerator<string> {
  let rest = ''
  for await (const { text = '' } of events) {
    rest += text
    for (let found = SENTENCE.exec(rest); found; found = SENTENCE.exec(rest)) {
      const [, sentence = '', after = ''] = found
      rest = after
      yield sentence.trim()
    }
  }
  if (rest.trim() !== '') yield rest.trim()
}
