/**
 * A number that depends on every byte of `content` and on the seed: 32-bit FNV-1a. Not for secrets.
 *
 * @source http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function fingerprint(seed: number, content: string | Uint8Array): number {
  let hash = 0x811c9dc5 ^ seed
  if (typeof content === 'string') {
    // ASCII text, the common case, needs no encoding to bytes.
    for (let index = 0; index < content.length; index++) {
      const unit = content.charCodeAt(index)
      if (unit > 0x7f) return fingerprint(seed, encoder.encode(content))
      hash = Math.imul(hash ^ unit, 0x01000193)
    }
    return hash >>> 0
  }
  for (const byte of content) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

const encoder = new TextEncoder()

/**
 * Scrambles a number into 32 bits that look random, even for neighbouring numbers.
 *
 * @source the finalizer of MurmurHash3, https://github.com/aappleby/smhasher
 */
export function mixed(value: number): number {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
