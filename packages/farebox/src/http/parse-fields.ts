import type { z } from 'zod'
import { fieldWords } from './field-words.ts'
import { InvalidBodyError } from './http-errors.ts'

/** Fields that are told at most: what is wrong is named, and not sent back. */
const FIELDS_MAX = 100

/**
 * Reads what a caller sent.
 *
 * @throws {InvalidBodyError} names each field that is missing, wrong or unknown, a hundred at most
 */
export function parseFields<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value, { error: fieldWords })
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.flatMap(nearestIssues).flatMap((issue) => {
    const field = issue.path.join('.')
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((name) => ({ field: [...issue.path, name].join('.'), problem: 'is not a field of this request' }))
    }
    return [{ field: field || 'body', problem: issue.message }]
  })
  throw new InvalidBodyError(firstOfEach(fields))
}

/** One problem per field is enough to mend it. Of hundreds of fields, the first say what is wrong with all of them. */
function firstOfEach(fields: InvalidBodyError['fields']): InvalidBodyError['fields'] {
  const byField = new Map<string, InvalidBodyError['fields'][number]>()
  for (const problem of fields) {
    if (byField.size === FIELDS_MAX) break
    if (!byField.has(problem.field)) byField.set(problem.field, problem)
  }
  return [...byField.values()]
}

/** Of a value that may be several things, what is wrong with the one that it is nearest to: where reading it got furthest. */
function nearestIssues(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const depthOf = (issues: readonly z.core.$ZodIssue[]) => issues.reduce((depth, { path }) => Math.max(depth, path.length), 0)
  const branches = issue.errors.map((branch) =>
    branch.flatMap((inner) => nearestIssues({ ...inner, path: [...issue.path, ...inner.path] })),
  )
  const nearest = branches.reduce((best, branch) => (depthOf(branch) > depthOf(best) ? branch : best), [issue])
  return nearest
}
