import { expect, test } from 'vitest'
import type { Operation } from '../operations.ts'
import type { PooledPostgresClient } from './client.ts'
import { postgres } from './driver.ts'

test('several batches may find at once that statements do not stay prepared, and each is run again', async () => {
  const both = Promise.withResolvers<void>()
  let lost = 0
  const connect = async (): Promise<PooledPostgresClient> => ({
    release: () => undefined,
    async query({ text }) {
      if (text.includes('farebox_accounts') && lost < 2) {
        lost += 1
        if (lost === 2) both.resolve()
        await both.promise
        throw Object.assign(new Error('prepared statement does not exist'), { code: '26000' })
      }
      return { rows: text.includes('clock_timestamp') ? [['1']] : [] }
    },
  })
  const driver = postgres({ pool: { connect, end: async () => undefined }, preparedStatements: true })
  const operation = (accountId: string): Operation => ({ verb: 'advance', accountId, idempotencyKey: null, input: {} })
  const outcomes = await Promise.all(['a', 'b'].map((accountId) => driver.commit([operation(accountId)])))
  expect(outcomes.flat()).toMatchObject([{ code: 'ACCOUNT_NOT_FOUND' }, { code: 'ACCOUNT_NOT_FOUND' }])
  expect(lost).toBe(2)
})
