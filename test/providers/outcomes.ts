import { inspect } from 'node:util'
import { formatQuantity, ProviderError, type Usage } from '@farebox/core'
import { expect } from 'vitest'

/** All events of a stream. */
export async function drain<T>(events: AsyncIterable<T> | undefined): Promise<T[]> {
  const all: T[] = []
  for await (const event of events ?? []) all.push(event)
  return all
}

/** The ProviderError that `work` fails with. Anything else that happens is a failure of the test. */
export async function failureOf(work: Promise<unknown> | undefined): Promise<ProviderError> {
  const thrown = await work?.then(
    (value) => expect.unreachable(`succeeded with ${inspect(value)}`),
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(ProviderError)
  return thrown as ProviderError
}

/** A usage as decimals by meter. */
export function meters(usage: Usage | undefined): Record<string, string> {
  return Object.fromEntries((usage?.quantities ?? []).map(({ meter, quantity }) => [meter, formatQuantity(quantity)]))
}
