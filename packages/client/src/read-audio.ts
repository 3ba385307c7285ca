import { check } from './check-given.ts'
import type { VoiceRequest } from './wire/index.ts'

interface Pieces {
  next(): Promise<{ done?: boolean; value?: unknown }>
  end(reason: unknown): unknown
}

/**
 * Turns a recording into a `Blob` for a form. Reads a stream to its end, so that a retry can resend it. `signal` ends it.
 *
 * @throws {TypeError} it is no recording: a `Blob` would be made of the words of anything, and be sent and charged as one
 */
export async function readAudio(audio: VoiceRequest['audio'], signal?: AbortSignal): Promise<Blob> {
  if (audio instanceof Blob) return audio
  if (audio instanceof ReadableStream) return readPieces(ofStream(audio.getReader()), signal)
  if (Symbol.asyncIterator in Object(audio))
    return readPieces(ofIterator((audio as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()), signal)
  return new Blob([bytesOf(audio)])
}

async function readPieces(pieces: Pieces, signal: AbortSignal | undefined): Promise<Blob> {
  const parts: BlobPart[] = []
  let leave = () => undefined as unknown
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(signal?.reason)
  })
  // The signal may fire when nothing awaits this any more, which would be an unhandled rejection.
  left.catch(() => undefined)
  signal?.addEventListener('abort', leave, { once: true })
  try {
    signal?.throwIfAborted()
    for (;;) {
      const { done, value } = await Promise.race([pieces.next(), left])
      if (done) return new Blob(parts)
      parts.push(bytesOf(value))
    }
  } catch (error) {
    // The source is told to stop, but not waited for.
    Promise.resolve(pieces.end(error)).catch(() => undefined)
    throw error
  } finally {
    signal?.removeEventListener('abort', leave)
  }
}

function bytesOf(audio: unknown): BlobPart {
  // Not `instanceof`: a frame of a page has an `ArrayBuffer` of its own.
  const isBytes = ArrayBuffer.isView(audio) || Object(audio)[Symbol.toStringTag] === 'ArrayBuffer'
  check(isBytes, 'audio must be bytes', audio)
  return audio as BlobPart
}

function ofStream(reader: ReadableStreamDefaultReader<Uint8Array>): Pieces {
  return { next: () => reader.read(), end: (reason) => reader.cancel(reason) }
}

function ofIterator(iterator: AsyncIterator<Uint8Array>): Pieces {
  return { next: () => iterator.next(), end: () => iterator.return?.() }
}
