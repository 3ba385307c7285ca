/**
 * A number that depends on every byte of `content` and on the seed: 32-bit FNV-1a. Not for secrets.
 *
 * @source http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function fingerprint(seed: number, content: string | Uint8Array): number {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  let hash = 0x811c9dc5 ^ seed
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
