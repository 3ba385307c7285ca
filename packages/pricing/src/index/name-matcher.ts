/** Looks up values by name: by the exact name, or else by the longest registered prefix (`claude-3-haiku-*`). */
export class NameMatcher<Value> {
  readonly #registered = new Map<string, Value>()
  /** Longest first. */
  readonly #beginnings: { beginning: string; value: Value }[] = []

  /** Registers a name. A name that is already registered keeps its value. */
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

  /** The value registered under exactly this text, without matching prefixes. */
  registered(name: string): Value | undefined {
    return this.#registered.get(name)
  }

  /** All registered names, including prefixes with their `*`. */
  names(): Iterable<string> {
    return this.#registered.keys()
  }
}
