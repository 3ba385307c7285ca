import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** Decisions, drawn from one source of whole numbers: the same numbers make the same decisions. */
export class Choices {
  readonly #next: () => number

  /** @param next  32-bit unsigned integers */
  constructor(next: () => number) {
    this.#next = next
  }

  /** Decisions that a seed makes. */
  static fromSeed(seed: number): Choices {
    const generator = xoroshiro128plus(seed)
    return new Choices(() => generator.next() >>> 0)
  }

  /** A whole number from 0 to `count` − 1. */
  below(count: number): number {
    return this.#next() % count
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** True in so many of a hundred cases. */
  happens(percent: number): boolean {
    return this.below(100) >= 100 - percent
  }

  oneOf<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error('there is nothing to choose from')
    return item
  }

  /** A value in so many of a hundred cases. */
  maybe<Value>(percent: number, make: () => Value): Value | undefined {
    return this.happens(percent) ? make() : undefined
  }
}
