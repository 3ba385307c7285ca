import type { z } from 'zod'
import { fieldWords } from './field-words.ts'
import { InvalidBodyError } from './http-errors.ts'

/** The most fields that an error names. */
const FIELDS_MAX = 100

/**
 * Checks what a caller sent against a schema.
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

/** One problem per field is enough to fix it. Of hundreds of fields, the first ones show what is wrong with all. */
function firstOfEach(fields: InvalidBodyError['fields']): InvalidBodyError['fields'] {
  const byField = new Map<string, InvalidBodyError['fields'][number]>()
  for (const problem of fields) {
    if (byField.size === FIELDS_MAX) break
    if (!byField.has(problem.field)) byField.set(problem.field, problem)
  }
  return [...byField.values()]
}

/** For a union, the issues of the branch that the value comes closest to: the one whose issues lie deepest. */
function nearestIssues(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const depthOf = (issues: readonly z.core.$ZodIssue[]) => issues.reduce((depth, { path }) => Math.max(depth, path.length), 0)
  const branches = issue.errors.map((branch) =>
    branch.flatMap((inner) => nearestIssues({ ...inner, path: [...issue.path, ...inner.path] })),
  )
  const nearest = branches.reduce((best, branch) => (depthOf(branch) > depthOf(best) ? branch : best), [issue])
  return nearest
}
