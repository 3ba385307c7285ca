/** A queue of events that were produced and not yet taken. It releases taken events once it is empty. */
export class UnreadEvents<Event> {
  readonly #events: Event[]
  #next = 0

  constructor(events: readonly Event[]) {
    this.#events = [...events]
  }

  add(...events: readonly Event[]): void {
    this.#events.push(...events)
  }

  take(): Event | undefined {
    const event = this.#events[this.#next]
    if (event === undefined) return undefined
    this.#next += 1
    if (this.#next === this.#events.length) {
      this.#events.length = 0
      this.#next = 0
    }
    return event
  }
}
