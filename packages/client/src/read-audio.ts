import type { VoiceRequest } from './wire.ts'

/** A recording as a form takes it. A stream is read first, so that the same can be sent again. */
export async function readAudio(audio: VoiceRequest['audio']): Promise<Blob> {
  if (audio instanceof Blob) return audio
  if (audio instanceof ReadableStream) return new Response(audio).blob()
  if (!(Symbol.asyncIterator in audio)) return new Blob([audio as BlobPart])
  const parts: BlobPart[] = []
  for await (const part of audio) parts.push(part as BlobPart)
  return new Blob(parts)
}
