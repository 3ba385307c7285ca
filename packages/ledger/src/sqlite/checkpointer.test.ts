import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Checkpointer } from './checkpointer.ts'

test('a thread that could not open the file says so once, and is not waited for', async () => {
  const { promise: failed, resolve: fail } = Promise.withResolvers<void>()
  let failures = 0
  const checkpointer = new Checkpointer(join(import.meta.dirname, 'nowhere', 'credits.db'), () => {
    failures += 1
    fail()
  })
  checkpointer.wrote(1_000_000)
  await failed
  // Its thread has ended a moment later.
  await new Promise((resolve) => setTimeout(resolve, 100))
  await checkpointer.close()
  expect(failures).toBe(1)
})
