/** A doc comment, taken apart. All texts are Markdown, as they were written. */
export interface DocComment {
  description: string
  params: { name: string; text: string }[]
  returns?: string
  throws: string[]
  defaultValue?: string
  source?: string
  examples: string[]
  isInternal: boolean
}

const TAG = /(?:^|(?<=\s))@(param|returns|throws|defaultValue|source|example|internal)\b/

/** Reads what is between `/*` and its end, as a parser hands it over: with a star at the beginning of each line. */
export function parseDocComment(comment: string): DocComment {
  const text = comment
    .replace(/^\*/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim()
  const [description = '', ...tags] = text.split(TAG)
  const doc: DocComment = { description: description.trim(), params: [], throws: [], examples: [], isInternal: false }
  for (let at = 0; at < tags.length; at += 2) addTag(doc, tags[at] ?? '', (tags[at + 1] ?? '').replace(/^[ \t]+/, '').trimEnd())
  return doc
}

function addTag(doc: DocComment, tag: string, text: string): void {
  const line = text.replace(/\s+/g, ' ').trim()
  switch (tag) {
    case 'param': {
      const [, name = '', rest = ''] = line.match(/^(\S+)\s*(.*)$/s) ?? []
      doc.params.push({ name, text: rest.replace(/^- /, '') })
      break
    }
    case 'returns':
      doc.returns = line
      break
    case 'throws':
      doc.throws.push(line)
      break
    case 'defaultValue':
      doc.defaultValue = line
      break
    case 'source':
      doc.source = line
      break
    case 'example':
      doc.examples.push(text.trim())
      break
    case 'internal':
      // What follows the tag on its line describes all the same.
      doc.isInternal = true
      doc.description ||= line
  }
}
