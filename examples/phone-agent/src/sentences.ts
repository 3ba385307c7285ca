/** A sentence that has ended, and what comes after it. Short ones are said with the next. */
const SENTENCE = /^(.{12,}?[.!?…]["”’)]*)\s+(.*)$/s

/** The sentences of an answer while it is written, so that the first can be said before the last is known. */
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
