/** Finds what a name stands for: by the name itself, or else by the longest registered beginning (`claude-3-haiku-*`). */
export class NameMatcher<Value> {
  readonly #registered = new Map<string, Value>()
  /** The longest first. */
  readonly #beginnings: { beginning: string; value: Value }[] = []

  /** The first value of a name stays. */
  add(name: string, value: Value): void {
    if (this.#registered.has(name)) return
    this.#registered.set(name, value)
    if (!name.endsWith('*')) return
    this.#beginnings.push({ beginning: name.slice(0, -1), value })
    this.#beginnings.sort((a, b) => b.beginning.length - a.beginning.length)
  }

  get(name: string): Value | undefined {
    const exact = this.#registered.get(name)
    if (exact !== undefined || this.#beginnings.length === 0) return exact
    return this.#beginnings.find(({ beginning }) => name.startsWith(beginning))?.value
  }

  /** What was registered under this very text, whatever else it may stand for. */
  registered(name: string): Value | undefined {
    return this.#registered.get(name)
  }

  /** As they were registered, aliases too. */
  names(): Iterable<string> {
    return this.#registered.keys()
  }
}
