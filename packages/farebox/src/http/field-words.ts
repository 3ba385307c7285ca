import type { z } from 'zod'

type RawIssue = Parameters<z.core.$ZodErrorMap>[0]

/** What messages call each kind of value. */
const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}

const FORMATS: Readonly<Record<string, string>> = {
  datetime: 'must be an RFC 3339 time such as 2030-01-31T12:00:00Z',
  url: 'must be an https: URL',
}

/** The message for an invalid field whose schema gives none: it names the fix and quotes no value. */
export function fieldWords(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type': {
      const kind = KINDS[issue.expected] ?? `of the type ${issue.expected}`
      return issue.input === undefined ? `is missing: give ${kind}` : `must be ${kind}`
    }
    case 'invalid_value': {
      const values = issue.values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))
      return values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(', ')}`
    }
    case 'invalid_format':
      return FORMATS[issue.format] ?? 'does not have the required form'
    case 'too_small':
      return sizeWords(issue.origin, issue.minimum, 'at least', issue.inclusive === false ? 'above' : 'at least')
    case 'too_big':
      return sizeWords(issue.origin, issue.maximum, 'at most', issue.inclusive === false ? 'below' : 'at most')
    case 'invalid_union':
      return formsWords(issue.input === undefined, issue.errors ?? [])
    case 'invalid_key':
      return 'has a name that is not allowed here'
    case 'invalid_element':
      return 'has an entry that is not allowed here'
    default:
      return 'has an invalid value'
  }
}

function sizeWords(origin: string, size: number | bigint, atMostOrLeast: string, beyond: string): string {
  if (origin === 'string') return size === 1 ? 'must not be empty' : `must have ${atMostOrLeast} ${size} characters`
  if (origin === 'array') return size === 1 ? 'must not be empty' : `must have ${atMostOrLeast} ${size} entries`
  return `must be ${beyond} ${size}`
}

/** The message for a value that fits no branch of a union. */
function formsWords(isMissing: boolean, branches: readonly (readonly z.core.$ZodIssue[])[]): string {
  const words = branches.flatMap(([first]) =>
    first && first.path.length === 0 ? [first.message.replace(/^(must be|is missing: give) /, '')] : [],
  )
  const forms = words.length > 0 ? [...new Set(words)].join(', or ') : 'of another form'
  return isMissing ? `is missing: give ${forms}` : `must be ${forms}`
}
