/** How long errors of a kind are only counted after one of them was logged in full. */
const COUNTED_MS = 10_000
/** The most kinds within that time. Errors of further kinds are counted together. */
const KINDS_MAX = 50

interface Kind {
  first: string
  more: number
  timer: NodeJS.Timeout
}

/**
 * Logs errors so that an outage, in which every request fails, does not fill the disk: the first of each kind in full, and then only
 * how many more there were.
 */
export class ErrorLog {
  readonly #write: (...line: unknown[]) => void
  readonly #kinds = new Map<string, Kind>()

  constructor(write: (...line: unknown[]) => void) {
    this.#write = write
  }

  add(error: unknown): void {
    const name = kindOf(error)
    const key = this.#kinds.has(name) || this.#kinds.size < KINDS_MAX ? name : 'others'
    const known = this.#kinds.get(key)
    if (known) {
      known.more += 1
      return
    }
    this.#kinds.set(key, { first: String(error), more: 0, timer: setTimeout(() => this.#tell(key), COUNTED_MS).unref() })
    this.#say(error)
  }

  /** Tells what was counted. */
  end(): void {
    for (const key of this.#kinds.keys()) this.#tell(key)
  }

  #tell(key: string): void {
    const kind = this.#kinds.get(key)
    this.#kinds.delete(key)
    if (!kind) return
    clearTimeout(kind.timer)
    if (kind.more > 0) this.#say(`and ${kind.more} more: ${kind.first}`)
  }

  #say(line: unknown): void {
    this.#write(new Date().toISOString(), line)
  }
}

/** Errors are of a kind if they say the same, apart from numbers and ids, and come from the same place. */
function kindOf(error: unknown): string {
  const said = String(error).replace(/\b(?=\S*\d)[\w-]{8,}|\d+/g, '#')
  const place = error instanceof Error ? /^ +at .*$/m.exec(error.stack ?? '')?.[0] : undefined
  return `${said}\n${place}`
}
