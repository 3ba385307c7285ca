import { z } from 'zod'
import { isPublicUrl } from '../http/public-url.ts'
import { text } from '../http/schemas.ts'

/** What a request names as its model: it is looked for among the agents of the account too, so that a database has to take it. */
export const modelName = text

/** Something that was written. */
export const said = z.string().max(400_000)

/** Where an image is. */
export const imageUrl = z
  .string()
  .regex(/^(https:\/\/|data:image\/)/i, 'must be an https: URL or a data: URL of an image')
  .refine((url) => /^data:/i.test(url) || isPublicUrl(url), 'must not lead into a private network')

/** A field of OpenAI's that cannot be acted on. Without it, or with `null`, a request is fine. */
export function refused(why: string) {
  return z
    .unknown()
    .refine((value) => value === undefined || value === null, why)
    .optional()
    .describe(`Not supported: ${why}`)
}

/** The fields of a body that its schema does not name: parameters of OpenAI's, to be passed on. */
export function givenOptions(body: Record<string, unknown>, { shape }: { shape: object }): Record<string, unknown> {
  const others = Object.entries(body).filter(([name, value]) => !(name in shape) && value !== null && value !== undefined)
  return Object.fromEntries(others)
}

/** An object without its fields that are `null` or `undefined`. */
export function present<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)) as never
}
