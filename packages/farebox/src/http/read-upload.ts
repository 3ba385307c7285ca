import { MIMEType } from 'node:util'
import { isFareboxError } from '@farebox/core'
import { InvalidBodyError, MalformedBodyError, UnsupportedMediaTypeError } from './http-errors.ts'
import { unreadable } from './unreadable.ts'
import { untilAborted } from './until-aborted.ts'
import { untilSent } from './until-sent.ts'

/** More than any form of the API has. A megabyte has room for twenty thousand empty entries. */
const ENTRIES_MAX = 1_000
/** More than any part of a form has: its headers are its names. */
const PART_HEADER_BYTES_MAX = 16_384
/** More than all parts of a form have. */
const FORM_HEADER_BYTES_MAX = 262_144

const LINE_FEED = 0x0a

/** A file from a form, or a whole body, with the form's other fields. Repeated fields are joined with commas. */
export interface Upload {
  data: Uint8Array
  fields: Readonly<Record<string, string | undefined>>
  /** The values of each field, one for each entry. */
  lists: Readonly<Record<string, readonly string[]>>
}

/**
 * Reads the file of a multipart field, or the body itself where it is not a form.
 *
 * @throws {CallerLeftError} the sender left before the end of the body
 * @throws {InvalidBodyError} the form has no such file, or several
 * @throws {UnsupportedMediaTypeError} the body is JSON or XML, or the form is compressed
 * @throws {MalformedBodyError} the form cannot be read
 */
export function readUpload({ request, signal }: { request: Request; signal: AbortSignal }, field: string): Promise<Upload> {
  return untilSent(untilAborted(read(request, field), signal))
}

async function read(request: Request, field: string): Promise<Upload> {
  const type = request.headers.get('content-type') ?? ''
  if (/^application\/(json|xml)/i.test(type)) {
    throw new UnsupportedMediaTypeError(`send multipart/form-data with the file as the field ${field}`)
  }
  if (!/^multipart\/form-data/i.test(type)) return { data: new Uint8Array(await request.arrayBuffer()), fields: {}, lists: {} }
  const bytes = await request.arrayBuffer()
  checkParts(Buffer.from(bytes), type)
  const form = await new Response(bytes, { headers: { 'content-type': type } }).formData().catch((error: unknown) => {
    throw isFareboxError(error) ? error : unreadable(request, 'the multipart body cannot be read', error)
  })
  const entries = [...form]
  const [file, ...others] = form.getAll(field)
  if (others.length > 0) throw new InvalidBodyError([{ field, problem: `must be one file: the form has ${others.length + 1}` }])
  if (!(file instanceof Blob)) throw new InvalidBodyError([{ field, problem: 'must be a file field of the form' }])
  const lists = textsOf(entries)
  const fields = Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, values.join(',')]))
  return { data: new Uint8Array(await file.arrayBuffer()), fields, lists }
}

/** Refuses a form whose parts, or whose headers, would keep the process busy for seconds. */
function checkParts(form: Buffer, type: string): void {
  const boundary = boundaryOf(type)
  // The parser refuses it.
  if (!boundary) return
  const delimiter = Buffer.from(`--${boundary}`)
  let entries = 0
  let headerBytes = 0
  for (let at = form.indexOf(delimiter); at !== -1; at = form.indexOf(delimiter, at + delimiter.length)) {
    const isWithinLine = at > 0 && form[at - 1] !== LINE_FEED
    if (isWithinLine) continue
    const rest = form.subarray(at + delimiter.length, at + delimiter.length + PART_HEADER_BYTES_MAX)
    if (rest.indexOf('--') === 0) continue
    entries += 1
    if (entries > ENTRIES_MAX) throw new MalformedBodyError(`the form has more than ${ENTRIES_MAX} entries`)
    const end = rest.indexOf('\r\n\r\n')
    if (rest.length === PART_HEADER_BYTES_MAX && end === -1) {
      throw new MalformedBodyError(`a part of the form has more than ${PART_HEADER_BYTES_MAX} bytes of headers`)
    }
    headerBytes += end === -1 ? rest.length : end
    if (headerBytes > FORM_HEADER_BYTES_MAX) {
      throw new MalformedBodyError(`the parts of the form have more than ${FORM_HEADER_BYTES_MAX} bytes of headers`)
    }
  }
}

/** The boundary that the parser will look for: both follow the same standard. */
function boundaryOf(type: string): string | null {
  try {
    return new MIMEType(type).params.get('boundary')
  } catch {
    return null
  }
}

/** The texts of a form, by field. */
function textsOf(entries: readonly [string, FormDataEntryValue][]): Record<string, string[]> {
  const texts = new Map<string, string[]>()
  for (const [name, value] of entries) {
    if (typeof value !== 'string') continue
    const known = texts.get(name)
    if (known) known.push(value)
    else texts.set(name, [value])
  }
  return Object.fromEntries(texts)
}
