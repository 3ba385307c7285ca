import { expect, test } from 'vitest'
import { CommitQueue } from './commit-queue.ts'
import type { LedgerDriver } from './driver.ts'
import { LedgerClosedError, LedgerInternalError, LedgerOverloadedError, LedgerUnavailableError } from './errors.ts'
import type { Operation, Outcome } from './operations.ts'

const operation = (accountId: string): Operation => ({ verb: 'advance', accountId, idempotencyKey: null, input: {} })

/** A driver that keeps what it was given and answers when it is told to. */
function pausedDriver(
  answer: (batch: readonly Operation[]) => Outcome[] = (batch) => batch.map(() => ({ status: 'advanced', replayed: false })),
) {
  const batches: string[][] = []
  let resume: () => void = () => undefined
  let gate: Promise<void> = Promise.resolve()
  const pause = () => {
    gate = new Promise((resolve) => {
      resume = resolve
    })
  }
  const driver = {
    async commit(batch: readonly Operation[]) {
      batches.push(batch.map(({ accountId }) => accountId))
      await gate
      return answer(batch)
    },
  } as Partial<LedgerDriver> as LedgerDriver
  return { driver, batches, pause, resume: () => resume() }
}

test('callers of one turn share one transaction, and those that come meanwhile the next', async () => {
  const { driver, batches, pause, resume } = pausedDriver()
  pause()
  const queue = new CommitQueue(driver)
  const first = ['a', 'b'].map((id) => queue.submit(operation(id)))
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  const second = ['c', 'd', 'e'].map((id) => queue.submit(operation(id)))
  resume()
  await Promise.all([...first, ...second])
  expect(batches).toEqual([
    ['a', 'b'],
    ['c', 'd', 'e'],
  ])
})

test('a batch is no larger than it may be', async () => {
  const { driver, batches } = pausedDriver()
  const queue = new CommitQueue(driver, { batchMax: 2 })
  await Promise.all(['a', 'b', 'c', 'd', 'e'].map((id) => queue.submit(operation(id))))
  expect(batches).toEqual([['a', 'b'], ['c', 'd'], ['e']])
})

test('more changes than may wait are refused, and those that wait go on', async () => {
  const { driver } = pausedDriver()
  const queue = new CommitQueue(driver, { waitingMax: 2 })
  const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((id) => queue.submit(operation(id))))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  expect(outcomes[2]).toMatchObject({ reason: expect.any(LedgerOverloadedError) })
  await queue.submit(operation('d'))
})

test('one change that cannot be applied fails alone', async () => {
  const { driver } = pausedDriver((batch) => {
    if (batch.some(({ accountId }) => accountId === 'bad')) throw new LedgerInternalError('bad', undefined)
    return batch.map(() => ({ status: 'advanced', replayed: false }))
  })
  const queue = new CommitQueue(driver)
  const outcomes = await Promise.allSettled(['a', 'bad', 'c'].map((id) => queue.submit(operation(id))))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

test('a database that is away fails the batch, and the next is tried afresh', async () => {
  let isAway = true
  const { driver, batches } = pausedDriver((batch) => {
    if (isAway) throw new LedgerUnavailableError('away')
    return batch.map(() => ({ status: 'advanced', replayed: false }))
  })
  const queue = new CommitQueue(driver)
  const outcomes = await Promise.allSettled(['a', 'b'].map((id) => queue.submit(operation(id))))
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(batches).toHaveLength(1)
  isAway = false
  await queue.submit(operation('c'))
})

test('closing waits for what was taken, and takes no more', async () => {
  const { driver, pause, resume } = pausedDriver()
  pause()
  const queue = new CommitQueue(driver)
  const answer = queue.submit(operation('a'))
  const closed = queue.close()
  await expect(queue.submit(operation('b'))).rejects.toThrow(LedgerClosedError)
  let isClosed = false
  void closed.then(() => {
    isClosed = true
  })
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  expect(isClosed).toBe(false)
  resume()
  await closed
  expect(await answer).toMatchObject({ status: 'advanced' })
})
