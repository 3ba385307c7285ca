/**
 * Rejects what plain JavaScript may give. The error would otherwise be one from inside, which names nothing, or come never.
 *
 * @throws {TypeError} `rule`, and what was received; objects and functions are only named, since they may hold secrets
 */
export function check(isRight: boolean, rule: string, given: unknown): void {
  const text = typeof given === 'string' ? JSON.stringify(given) : Object(given) === given ? typeof given : String(given)
  if (!isRight) throw new TypeError(`${rule}, received ${text}`)
}
