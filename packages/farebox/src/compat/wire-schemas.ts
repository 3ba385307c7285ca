import { z } from 'zod'
import { isPublicUrl } from '../http/public-url.ts'
import { text } from '../http/schemas.ts'

/** The model that a request names. It is also looked up among the account's agents, so a database must accept it. */
export const modelName = text

/** Text in a request. */
export const said = z.string().max(400_000)

/** The URL of an image. */
export const imageUrl = z
  .string()
  .regex(/^(https:\/\/|data:image\/)/i, 'must be an https: URL or a data: URL of an image')
  .refine((url) => /^data:/i.test(url) || isPublicUrl(url), 'must not lead into a private network')

/** A field of OpenAI's that is not supported. A request may omit it or set it to `null`. */
export function refused(why: string) {
  return z.null(why).optional().describe(`Must be absent or null. Any other value fails: “${why}”`)
}

/** A mark within a message. Left out, it would change what the prompt costs: with `mode: explicit`, nothing else is cached. */
export const promptCacheBreakpoint = refused('is not supported: leave it out, and the provider chooses what to cache')

/** The fields of a body that its schema does not name: OpenAI's parameters to pass on. */
export function givenOptions(body: Record<string, unknown>, { shape }: { shape: object }): Record<string, unknown> {
  const others = Object.entries(body).filter(
    ([name, value]) => !Object.hasOwn(shape, name) && value !== null && value !== undefined,
  )
  return Object.fromEntries(others)
}

/** A copy without the fields that are `null` or `undefined`. */
export function present<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)) as never
}
