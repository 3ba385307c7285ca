import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { embeddedMigrations } from '../scripts/embed-migrations.ts'

test('the embedded migrations are the files under sql/', () => {
  expect(readFileSync(new URL('migrations.generated.ts', import.meta.url), 'utf8')).toBe(embeddedMigrations())
})
