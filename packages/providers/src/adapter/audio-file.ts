import type { Audio } from '@farebox/core'

/** Providers detect the format by the file's extension. */
const EXTENSION_BY_MEDIA_TYPE: ReadonlyMap<string, string> = new Map([
  ['audio/wave', 'wav'],
  ['audio/x-wav', 'wav'],
  ['audio/vnd.wave', 'wav'],
  ['audio/mpeg', 'mp3'],
  ['audio/mp4', 'm4a'],
  ['audio/x-m4a', 'm4a'],
  ['audio/x-flac', 'flac'],
  ['video/mp4', 'mp4'],
  ['video/webm', 'webm'],
])

/** A recording as a file for a form, whose name tells the provider its format. */
export function audioFile({ data, mediaType }: Audio): File {
  const type = mediaType.split(';')[0]?.trim().toLowerCase() ?? ''
  const extension = EXTENSION_BY_MEDIA_TYPE.get(type) ?? /^audio\/([a-z0-9]{2,4})$/.exec(type)?.[1] ?? 'wav'
  // Copied, because a File does not take a view of shared memory.
  return new File([new Uint8Array(data)], `audio.${extension}`, { type })
}
