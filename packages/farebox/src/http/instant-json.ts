/** A time in its wire form: RFC 3339, UTC. */
export function instantJson(at: number): string
export function instantJson(at: number | null): string | null
export function instantJson(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
