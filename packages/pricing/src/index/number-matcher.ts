/** Telephone numbers in E.164, which some prices depend on. */
export interface PhoneNumbers {
  /** The number called: `+442071234567`. */
  to?: string
  /** The number called from. */
  from?: string
}

/**
 * Finds a price by the numbers called and called from: the longest beginning of `to` that has a price for `from`, and of `from` the
 * longest too. What names no numbers is for all others.
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
    // Unless there is a single price, and that for all numbers.
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
