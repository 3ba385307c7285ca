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
  checkText(text)
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (cause) {
    throw unreadable(request, 'the body is not JSON', cause)
  }
  checkShape(body)
  return body
}

/** Shorter texts are parsed within milliseconds, whatever is in them. */
const LENGTH_QUICK = 16_384

/**
 * Refuses by its signs alone a text that `JSON.parse` would take up to a minute for, in which nobody else is served: megabytes of
 * names or of brackets.
 */
function checkText(text: string): void {
  if (text.length <= LENGTH_QUICK) return
  let depth = 0
  let commas = 0
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"':
        at = endOfString(text, at)
        break
      case ',':
        commas += 1
        if (commas > VALUES_MAX) throw tooManyValues()
        break
      case '[':
      case '{':
        depth += 1
        // The outermost is level 0.
        if (depth > DEPTH_MAX + 1) throw tooDeep()
        break
      case ']':
      case '}':
        depth -= 1
    }
  }
}

/** Where the string that begins at `start` ends: nearly all of a long body is within strings. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end - 1
    while (text[before] === '\\') before -= 1
    const isEscaped = (end - before) % 2 === 0
    if (!isEscaped) return end
  }
  return text.length
}

function tooDeep(): MalformedBodyError {
  return new MalformedBodyError(`the body is nested more than ${DEPTH_MAX} levels deep`)
}

function tooManyValues(): MalformedBodyError {
  return new MalformedBodyError(`the body has more than ${VALUES_MAX} values`)
}

/** Goes level by level: a deep body would overflow the stack of a recursive check. */
function checkShape(body: unknown): void {
  let level = [body]
  let values = 0
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEPTH_MAX) throw tooDeep()
    const next: unknown[] = []
    for (const node of level) {
      if (typeof node !== 'object' || node === null) continue
      if (Object.hasOwn(node, '__proto__')) throw new MalformedBodyError('the body has a field __proto__, which no request has')
      const inside = Object.values(node)
      values += inside.length
      if (values > VALUES_MAX) throw tooManyValues()
      for (const value of inside) if (typeof value === 'object' && value !== null) next.push(value)
    }
    level = next
  }
}
