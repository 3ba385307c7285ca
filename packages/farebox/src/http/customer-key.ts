/**
 * The key under which the ledger makes a customer's change once. Its prefix keeps it apart from the host's own keys, and from those
 * that the ledger derives from ids, such as `chargeback:<grant>`: a customer who took one of those first would block that change.
 */
export function customerKey(idempotencyKey: string | undefined): string | undefined {
  return idempotencyKey === undefined ? undefined : `request:${idempotencyKey}`
}
