import { expect, test } from 'vitest'
import { CommitQueue } from './commit-queue.ts'
import type { BatchLimits, LedgerDriver } from './driver.ts'
import { LedgerClosedError, LedgerInternalError, LedgerOverloadedError, LedgerUnavailableError } from './errors.ts'
import type { Operation, Outcome } from './operations.ts'
import type { CommitReport } from './queue-watch.ts'

const operation = (accountId: string): Operation => ({ verb: 'advance', accountId, idempotencyKey: null, input: {} })

/** Long enough for whatever the queue does by itself. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A driver that keeps what it was given and answers when it is told to. */
function pausedDriver(
  answer: (batch: readonly Operation[]) => Outcome[] = (batch) => batch.map(() => ({ status: 'advanced', replayed: false })),
  limits?: BatchLimits,
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
    batches: limits,
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
  await turns()
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

test('callers that were just answered share the next transaction with those that came meanwhile', async () => {
  const { driver, batches, pause, resume } = pausedDriver()
  pause()
  const queue = new CommitQueue(driver)
  const again = queue.submit(operation('a')).then(() => queue.submit(operation('b')))
  await turns()
  const meanwhile = queue.submit(operation('c'))
  resume()
  await Promise.all([again, meanwhile])
  expect(batches).toEqual([['a'], ['c', 'b']])
})

test('batches side by side never have an account in common, and keep the order of its changes', async () => {
  const { driver, batches, pause, resume } = pausedDriver(undefined, { atOnce: 2 })
  pause()
  const queue = new CommitQueue(driver)
  const answers = [queue.submit(operation('a'))]
  await turns()
  answers.push(...['a', 'b', 'a', 'c'].map((id) => queue.submit(operation(id))))
  await turns()
  expect(batches).toEqual([['a'], ['b', 'c']])
  answers.push(queue.submit(operation('d')))
  await turns()
  expect(batches).toHaveLength(2)
  resume()
  await Promise.all(answers)
  expect(batches.slice(2).flat().sort()).toEqual(['a', 'a', 'd'])
})

test('a database that wants one account in a batch gets one, however many wait', async () => {
  const { driver, batches } = pausedDriver(undefined, { atOnce: 2, accountsMax: 1 })
  const queue = new CommitQueue(driver)
  await Promise.all(['a', 'b', 'a', 'c', 'b'].map((id) => queue.submit(operation(id))))
  expect(batches).toEqual([['a', 'a'], ['b', 'b'], ['c']])
})

test('many changes are shared out over the transactions that may run, and few are not', async () => {
  const { driver, batches } = pausedDriver(undefined, { atOnce: 2 })
  const queue = new CommitQueue(driver)
  const submit = (count: number) => Promise.all(Array.from({ length: count }, (_, index) => queue.submit(operation(`a${index}`))))
  await submit(300)
  expect(batches.map(({ length }) => length)).toEqual([150, 150])
  await submit(30)
  expect(batches.slice(2).map(({ length }) => length)).toEqual([30])
  await Promise.all(Array.from({ length: 300 }, () => queue.submit(operation('a'))))
  expect(batches.slice(3).map(({ length }) => length)).toEqual([300])
})

test('where the database keeps the order of batches, what one account waits for is shared out as well', async () => {
  const { driver, batches, pause, resume } = pausedDriver(undefined, { atOnce: 2, isOrdered: true })
  const queue = new CommitQueue(driver, { batchMax: 100 })
  pause()
  const answers = Array.from({ length: 260 }, () => queue.submit(operation('a')))
  answers.push(queue.submit(operation('b')))
  await turns()
  expect(batches).toEqual([Array.from({ length: 100 }, () => 'a'), ['b', ...Array.from({ length: 99 }, () => 'a')]])
  expect(queue.stats()).toMatchObject({ waiting: 61, underWay: 2 })
  resume()
  await Promise.all(answers)
  expect(batches.slice(2).flat()).toHaveLength(61)
  expect(queue.stats()).toMatchObject({ waiting: 0, operations: 261 })
})

test('one busy account does not keep the others waiting for all of its changes', async () => {
  const { driver, batches } = pausedDriver()
  const queue = new CommitQueue(driver, { batchMax: 3 })
  await Promise.all(['a', 'a', 'a', 'a', 'a', 'b'].map((id) => queue.submit(operation(id))))
  expect(batches).toEqual([
    ['a', 'a', 'a'],
    ['b', 'a', 'a'],
  ])
})

test('more changes than may wait are refused with a time to come back, and those that wait go on', async () => {
  const { driver } = pausedDriver()
  const queue = new CommitQueue(driver, { waitingMax: 2 })
  const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((id) => queue.submit(operation(id))))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  expect(outcomes[2]).toMatchObject({ reason: expect.any(LedgerOverloadedError) })
  expect(outcomes[2]).toMatchObject({ reason: { isRetryable: true, retryAfterMs: expect.any(Number) } })
  await queue.submit(operation('d'))
})

test('a watcher is told of every batch, and its own failure harms nobody', async () => {
  let isAway = false
  const { driver, pause, resume } = pausedDriver((batch) => {
    if (isAway) throw new LedgerUnavailableError('away')
    return batch.map(() => ({ status: 'advanced', replayed: false }))
  })
  const reports: CommitReport[] = []
  const queue = new CommitQueue(driver, {
    onCommit(report) {
      reports.push(report)
      throw new Error('the watcher failed')
    },
  })
  pause()
  const answers = [queue.submit(operation('a')), queue.submit(operation('b'))]
  await turns()
  answers.push(queue.submit(operation('c')))
  expect(queue.stats()).toMatchObject({ waiting: 1, underWay: 1, batches: 0 })
  await new Promise((resolve) => setTimeout(resolve, 20))
  resume()
  await Promise.all(answers)
  isAway = true
  await expect(queue.submit(operation('d'))).rejects.toThrow('away')
  expect(reports.map(({ operations }) => operations)).toEqual([2, 1, 1])
  // `c` waited for the whole of the first batch, which took at least as long as the timer.
  expect(reports[0]?.durationMs).toBeGreaterThan(15)
  expect(reports[1]?.waitMsMax).toBeGreaterThan(15)
  expect(reports[1]).not.toHaveProperty('error')
  expect(reports[2]?.error).toMatchObject({ code: 'LEDGER_UNAVAILABLE' })
  const stats = queue.stats()
  expect(stats).toMatchObject({ waiting: 0, underWay: 0, batches: 3, failedBatches: 1, operations: 4 })
  expect(stats.waitMsMax).toBe(Math.max(...reports.map(({ waitMsMax }) => waitMsMax)))
  expect(stats.waitMsSum).toBeCloseTo(
    reports.reduce((sum, one) => sum + one.waitMsMean * one.operations, 0),
    6,
  )
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

test('of a batch that failed each change is made once, in its order, though the batch behind it was first', async () => {
  let batches = 0
  const made: string[] = []
  const driver = {
    batches: { atOnce: 2, isOrdered: true },
    async commit(batch: readonly Operation[]): Promise<Outcome[]> {
      const isFirst = batches++ === 0
      await turns()
      const ids = batch.map(({ idempotencyKey }) => idempotencyKey ?? '')
      if (isFirst || ids.includes('bad')) throw new LedgerInternalError('bad', undefined)
      made.push(...ids)
      return batch.map(() => ({ status: 'advanced', replayed: false }))
    },
  } as Partial<LedgerDriver> as LedgerDriver
  const queue = new CommitQueue(driver)
  const submit = (id: string) => queue.submit({ ...operation('a'), idempotencyKey: id } as Operation)
  const answers = ['a1', 'bad', 'a2'].map(submit)
  await new Promise((resolve) => setImmediate(resolve))
  answers.push(...Array.from({ length: 40 }, (_, index) => submit(`b${index}`)))
  const ends = await Promise.allSettled(answers)
  expect(ends.map(({ status }) => status)).toEqual(ends.map((_, index) => (index === 1 ? 'rejected' : 'fulfilled')))
  expect(made.toSorted()).toEqual(['a1', 'a2', ...Array.from({ length: 40 }, (_, index) => `b${index}`)].sort())
  expect(made.filter((id) => id.startsWith('a'))).toEqual(['a1', 'a2'])
  expect(made[0]).toBe('b0')
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

test('a queue that could take nothing is not made', () => {
  const { driver } = pausedDriver()
  for (const options of [{ batchMax: 0 }, { batchMax: 1.5 }, { waitingMax: -1 }]) {
    expect(() => new CommitQueue(driver, options)).toThrow(/(batchMax|waitingMax) must be a whole number above zero/)
  }
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
  await turns()
  expect(isClosed).toBe(false)
  resume()
  await closed
  expect(await answer).toMatchObject({ status: 'advanced' })
})

test('closing twice waits for what was taken, both times', async () => {
  const { driver, pause, resume } = pausedDriver()
  const queue = new CommitQueue(driver)
  pause()
  const answer = queue.submit(operation('a'))
  let closed = 0
  const closes = [queue.close(), queue.close()].map((close) => close.then(() => (closed += 1)))
  await turns()
  expect(closed).toBe(0)
  resume()
  await Promise.all([answer, ...closes])
  expect(closed).toBe(2)
})
