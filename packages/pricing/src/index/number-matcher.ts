/** The telephone numbers of a call, in E.164. Some prices depend on them. */
export interface PhoneNumbers {
  /** The number called: `+442071234567`. */
  to?: string
  /** The number called from. */
  from?: string
}

/**
 * Finds a price by the numbers called and called from: the longest prefix of `to` that has a price for `from`, then the longest
 * prefix of `from`. A price without numbers is for all others.
 */
export class NumberMatcher<Value> {
  readonly #byTo = new Map<string, Map<string, Value>>()
  #everywhere: Value | undefined
  #needsNumbers = false

  add(to: readonly string[] = [''], from: readonly string[] = [''], value: Value): void {
    for (const called of to) {
      const byFrom = this.#byTo.get(called) ?? new Map<string, Value>()
      this.#byTo.set(called, byFrom)
      for (const calling of from) byFrom.set(calling, value)
    }
    this.#everywhere = this.#byTo.get('')?.get('')
    // Numbers do not matter if the only price is for all of them.
    this.#needsNumbers = this.#everywhere === undefined || this.#byTo.size > 1 || this.#byTo.get('')?.size !== 1
  }

  find({ to, from }: PhoneNumbers): Value | undefined {
    if (!this.#needsNumbers) return this.#everywhere
    return longestMatch(to, this.#byTo, (byFrom) => longestMatch(from, byFrom, (value) => value))
  }
}

function longestMatch<Entry, Found>(
  text: string | undefined,
  entries: ReadonlyMap<string, Entry>,
  take: (entry: Entry) => Found | undefined,
): Found | undefined {
  for (let length = text?.length ?? 0; length >= 0; length--) {
    const entry = entries.get(text?.slice(0, length) ?? '')
    const found = entry === undefined ? undefined : take(entry)
    if (found !== undefined) return found
  }
  return undefined
}
