import { inspect } from 'node:util'
import { formatQuantity, ProviderError, type Usage } from '@farebox/core'
import { expect } from 'vitest'

/** The events of a stream that ended as it should. */
export async function collect<T>(events: AsyncIterable<T> | undefined): Promise<T[]> {
  const all: T[] = []
  for await (const event of events ?? []) all.push(event)
  return all
}

/** The error that `work` fails with, which must be a ProviderError. */
export async function failureOf(work: Promise<unknown> | undefined): Promise<ProviderError> {
  const thrown = await work?.then(
    (value) => expect.unreachable(`succeeded with ${inspect(value)}`),
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(ProviderError)
  return thrown as ProviderError
}

/** Quantities by their meters. */
export function meters(usage: Usage | undefined): Record<string, string> {
  return Object.fromEntries((usage?.quantities ?? []).map(({ meter, quantity }) => [meter, formatQuantity(quantity)]))
}

/** A count, once it has not grown for a while, in which this process ran: a timer that is late says nothing. */
export async function settle(count: () => number): Promise<number> {
  let before = count()
  for (let looks = 0; looks < 10; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (count() !== before) looks = 0
    before = count()
  }
  return before
}
