import { dice as rolls } from '../faults/dice.ts'

/** Chance that follows from a seed. */
export class Dice {
  /** A number from 0 up to 1. */
  readonly roll: () => number

  constructor(seed: number) {
    this.roll = rolls(seed)
  }

  chance(probability: number): boolean {
    return this.roll() < probability
  }

  /** A whole number, both ends included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.roll() * (to - from + 1))
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.whole(0, items.length - 1)] as Item
  }
}
