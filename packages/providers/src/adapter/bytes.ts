/** The bytes of a text in base64. `Buffer` would do, but is not everywhere that this can run. */
export function bytesOfBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}

/** Bytes as a text in base64. */
export function base64OfBytes(bytes: Uint8Array): string {
  let text = ''
  // A piece at a time: a function takes only so many parameters.
  for (let start = 0; start < bytes.length; start += 8_192) text += String.fromCharCode(...bytes.subarray(start, start + 8_192))
  return btoa(text)
}

/** Chunks as one. */
export function joinBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.length
  }
  return whole
}
