import type { z } from 'zod'
import { fieldWords } from './field-words.ts'
import { InvalidBodyError } from './http-errors.ts'

/**
 * Reads what a caller sent.
 *
 * @throws {InvalidBodyError} names each field that is missing, wrong or unknown
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
  // One problem per field is enough to mend it.
  throw new InvalidBodyError(fields.filter(({ field }, index) => fields.findIndex((other) => other.field === field) === index))
}

/** Of a value that may be several things, what is wrong with the one that it is nearest to: where reading it got furthest. */
function nearestIssues(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const depthOf = (issues: readonly z.core.$ZodIssue[]) => Math.max(0, ...issues.map(({ path }) => path.length))
  const branches = issue.errors.map((branch) =>
    branch.flatMap((inner) => nearestIssues({ ...inner, path: [...issue.path, ...inner.path] })),
  )
  const nearest = branches.reduce((best, branch) => (depthOf(branch) > depthOf(best) ? branch : best), [issue])
  return nearest
}
