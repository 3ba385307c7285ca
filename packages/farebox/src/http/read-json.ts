import { MalformedBodyError, UnsupportedMediaTypeError } from './http-errors.ts'
import { unreadable } from './unreadable.ts'
import { untilSent } from './until-sent.ts'

/** Deeper than any body of the API. Functions like JSON.stringify recurse for each level. */
const DEPTH_MAX = 64
/** More than any body of the API: 4,096 messages and 512 tools have some ten thousand. Each invalid value takes memory. */
const VALUES_MAX = 200_000

/**
 * The JSON of a request. An absent body reads as an empty object, so that routes whose fields are all optional need none.
 *
 * @throws {CallerLeftError} the sender left before the end of the body
 * @throws {UnsupportedMediaTypeError} the content type is that of a form or a file, or the body is compressed
 * @throws {MalformedBodyError} it is not JSON, is nested too deeply, has too many values, or has a `__proto__` field
 */
export async function readJson(request: Request): Promise<unknown> {
  const type = request.headers.get('content-type') ?? ''
  if (/^(multipart|audio|image|video)\//i.test(type)) throw new UnsupportedMediaTypeError('send application/json')
  const text = await untilSent(request.text())
  if (text.trim() === '') return {}
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (cause) {
    throw unreadable(request, 'the body is not JSON', cause)
  }
  checkShape(body)
  return body
}

/** Goes level by level: a deep body would overflow the stack of a recursive check. */
function checkShape(body: unknown): void {
  let level = [body]
  let values = 0
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEPTH_MAX) throw new MalformedBodyError(`the body is nested more than ${DEPTH_MAX} levels deep`)
    const next: unknown[] = []
    for (const node of level) {
      if (typeof node !== 'object' || node === null) continue
      if (Object.hasOwn(node, '__proto__')) throw new MalformedBodyError('the body has a field __proto__, which no request has')
      const inside = Object.values(node)
      values += inside.length
      if (values > VALUES_MAX) throw new MalformedBodyError(`the body has more than ${VALUES_MAX} values`)
      for (const value of inside) if (typeof value === 'object' && value !== null) next.push(value)
    }
    level = next
  }
}
