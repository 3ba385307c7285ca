import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as farebox from 'farebox'
import { expect, it } from 'vitest'
import { repositoryFolder } from '../repository/workspace.ts'

it('every error that the page of farebox lists can be imported from farebox', () => {
  const page = readFileSync(join(repositoryFolder, 'packages/farebox/README.md'), 'utf8')
  const rows = page.slice(page.indexOf('| thrown | HTTP | when |')).split('\n\n')[0]?.split('\n').slice(2) ?? []
  const names = rows.flatMap((row) => row.split('|')[1]?.match(/\w+Error/g) ?? [])
  expect(names.length).toBeGreaterThan(14)
  expect(names.filter((name) => !(name in farebox))).toEqual([])
  for (const name of names) expect(Reflect.get(farebox, name).prototype, name).toBeInstanceOf(farebox.FareboxError)
})
