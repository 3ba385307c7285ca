import { createHmac, timingSafeEqual } from 'node:crypto'

/** What LiveKit's tokens claim: who made them, until when they hold, and what they allow. */
export interface LivekitClaims {
  iss: string
  exp: number
  nbf?: number
  sub?: string
  name?: string
  sha256?: string
  video?: Record<string, unknown>
  sip?: Record<string, unknown>
}

/** Signs claims as LiveKit does, with nothing of its SDK. */
export function signClaims(claims: LivekitClaims, secret: string): string {
  const head = `${encode({ alg: 'HS256' })}.${encode(claims)}`
  return `${head}.${signature(head, secret)}`
}

/** What a token claims, or why LiveKit would not accept it. */
export function readClaims(token: string, apiKey: string, secret: string, now: number): LivekitClaims | string {
  const [header = '', payload = '', signed = ''] = token.split('.')
  const expected = Buffer.from(signature(`${header}.${payload}`, secret))
  const given = Buffer.from(signed)
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return 'invalid signature'
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as LivekitClaims
  if (claims.iss !== apiKey) return 'invalid API key'
  return claims.exp * 1_000 > now ? claims : 'token is expired'
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function signature(text: string, secret: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url')
}
