import type { FareboxError } from '@farebox/core'
import { MalformedBodyError, UnsupportedMediaTypeError } from './http-errors.ts'

/**
 * The error for a body that cannot be read. If it is compressed, that is why. Asked only then: a parser of the host's may have
 * expanded a body that its headers still call compressed.
 */
export function unreadable({ headers }: Request, message: string, cause: unknown): FareboxError {
  const encoding = headers.get('content-encoding') ?? 'identity'
  if (/^identity$/i.test(encoding)) return new MalformedBodyError(message, { cause })
  return new UnsupportedMediaTypeError('compressed bodies are not supported: send it without a Content-Encoding', { cause })
}
