import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SECRET_BYTES = 32
/** 62^43 is the first power of 62 above 2^256. */
const SECRET_LENGTH = 43
const PREFIX_LENGTH = 8
const MARK = 'fbx_'

/** A new secret: `fbx_` and 256 random bits, as letters and digits that survive shells, URLs and double-clicks. */
export function newApiKeySecret(): string {
  let bits = BigInt(`0x${randomBytes(SECRET_BYTES).toString('hex')}`)
  let text = ''
  for (let index = 0; index < SECRET_LENGTH; index++) {
    text = ALPHABET[Number(bits % 62n)] + text
    bits /= 62n
  }
  return MARK + text
}

/** The prefix by which a key is looked up and listed: its first eight characters after `fbx_`. */
export function apiKeyPrefix(secret: string): string {
  return (secret.startsWith(MARK) ? secret.slice(MARK.length) : secret).slice(0, PREFIX_LENGTH)
}

/** SHA-256 of a key, in hex. Only this and the prefix are stored. The key is random, so a slow hash would add nothing. */
export function apiKeyHash(secret: string): string {
  return hash('sha256', secret)
}

/** Compares two hashes in constant time, wherever they differ. */
export function isSameHash(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}
