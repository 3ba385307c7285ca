import { z } from 'zod'
import { isRecord } from './is-record.ts'

/**
 * The form that an answer shall have. OpenAI refuses a malformed one, but others would answer without it. Types that only other servers
 * with OpenAI's API know, such as `grammar`, are passed on.
 */
const format = z.looseObject({ type: z.string().min(1) })

/** The form of a chat's answer, in OpenAI's chat completions. */
export const responseFormat = format
  .superRefine(({ type, json_schema: named }, { addIssue }) => {
    if (type !== 'json_schema') return
    if (!isRecord(named)) addIssue(notAnObject(named, ['json_schema']))
    else if ((named.schema ?? undefined) !== undefined && !isRecord(named.schema))
      addIssue(notAnObject(named.schema, ['json_schema', 'schema']))
  })
  .nullish()

/** The form of a response's text, in OpenAI's Responses API. */
export const textForm = z
  .looseObject({
    format: format
      .superRefine(({ type, schema }, { addIssue }) => {
        if (type === 'json_schema' && !isRecord(schema)) addIssue(notAnObject(schema, ['schema']))
      })
      .nullish(),
  })
  .nullish()

function notAnObject(value: unknown, path: string[]) {
  const message = (value ?? undefined) === undefined ? 'is missing: give an object' : 'must be an object'
  return { code: 'custom' as const, path, message }
}
