import { createHash, timingSafeEqual } from 'node:crypto'
import type { AuthenticatedKey } from '@farebox/ledger'
import { UnauthorizedError } from '../errors.ts'
import type { Farebox } from '../farebox.ts'
import { InvalidBodyError } from './http-errors.ts'
import type { Route } from './route.ts'

/**
 * Authenticates the caller, and returns their account and the rest of the query.
 *
 * @throws {UnauthorizedError} the API key or the admin token is missing or wrong
 * @throws {InvalidBodyError} the admin token names no account where it must, or an API key names one
 */
export async function callerOf(
  box: Farebox,
  access: Route['access'],
  {
    secret,
    query: readQuery,
    adminDigest,
  }: { secret: string | undefined; query: () => Record<string, string>; adminDigest: Buffer | undefined },
): Promise<{ accountId?: string; key?: AuthenticatedKey; isAdmin: boolean; query: Record<string, string> }> {
  switch (access) {
    case 'public':
      return { isAdmin: isAdmin(secret, adminDigest), query: readQuery() }
    case 'admin':
      checkAdmin(secret, adminDigest)
      return { isAdmin: true, query: readQuery() }
    case 'account':
      return { key: await box.authenticate(secret), isAdmin: false, query: readQuery() }
    case 'anyKey':
      if (isAdmin(secret, adminDigest)) return { isAdmin: true, query: readQuery() }
      return { key: await box.authenticate(secret), isAdmin: false, query: readQuery() }
    case 'read': {
      if (isAdmin(secret, adminDigest)) return { ...(await readAsAdmin(box, readQuery())), isAdmin: true }
      const key = await box.authenticate(secret)
      const query = readQuery()
      if (query.account_id !== undefined) {
        throw new InvalidBodyError([{ field: 'account_id', problem: 'is for the admin token: an API key reads its own account' }])
      }
      return { key, accountId: key.accountId, isAdmin: false, query }
    }
  }
}

/** @throws {NotFoundError} no such account */
async function readAsAdmin(box: Farebox, { account_id, ...query }: Record<string, string>) {
  if (account_id === undefined) {
    throw new InvalidBodyError([{ field: 'account_id', problem: 'must name the account that the admin token is to read' }])
  }
  const { accountId } = await box.ledger.balance(account_id)
  return { accountId, query }
}

function checkAdmin(secret: string | undefined, adminDigest: Buffer | undefined): void {
  if (!adminDigest) throw new UnauthorizedError('the admin routes are closed: no admin token is configured')
  if (!isAdmin(secret, adminDigest)) throw new UnauthorizedError('the admin token is missing or wrong')
}

function isAdmin(secret: string | undefined, adminDigest: Buffer | undefined): boolean {
  return secret !== undefined && adminDigest !== undefined && timingSafeEqual(digestOf(secret), adminDigest)
}

/** The digest by which admin tokens are compared, in constant time. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
