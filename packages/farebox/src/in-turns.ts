import { setImmediate } from 'node:timers/promises'

/** How many items are worked on before other work of the process gets its turn: some milliseconds of it. */
const AT_ONCE = 500

/** Calls `work` with each item in order. Other work of the process runs in between, however many there are. */
export async function inTurns<Item>(items: Iterable<Item>, work: (item: Item) => void): Promise<void> {
  let count = 0
  for (const item of items) {
    work(item)
    count += 1
    if (count % AT_ONCE === 0) await setImmediate()
  }
}
