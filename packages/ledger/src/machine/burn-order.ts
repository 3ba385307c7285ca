import type { GrantRow } from '../rows.ts'

/** The order in which grants are spent: by priority, soonest expiry, free before paid, oldest first, then by id. */
export function burnOrder(a: GrantRow, b: GrantRow): number {
  return (
    a.priority - b.priority ||
    (a.expiresAt ?? Number.MAX_SAFE_INTEGER) - (b.expiresAt ?? Number.MAX_SAFE_INTEGER) ||
    Number(a.source === 'purchase') - Number(b.source === 'purchase') ||
    a.createdAt - b.createdAt ||
    (a.grantId < b.grantId ? -1 : 1)
  )
}
