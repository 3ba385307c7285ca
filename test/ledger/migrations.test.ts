import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { embeddedMigrations } from '../../packages/ledger/scripts/embed-migrations.ts'

test('the embedded migrations are the files under sql/', () => {
  expect(readFileSync(new URL('../../packages/ledger/src/migrations.generated.ts', import.meta.url), 'utf8')).toBe(
    embeddedMigrations(),
  )
})
