import { expect, it } from 'vitest'
import { cloudEvent } from './cloud-event.ts'

it('no two records share source and id, whatever their accounts are called', () => {
  const of = (type: 'usage' | 'purchase', account_id: string) => {
    const { source, id } = cloudEvent({ type, id: 'r1', account_id, created_at: '2026-11-01T00:00:00.000Z' }, {}, 'urn:acme')
    return `${source} ${id}`
  }
  const records = [of('purchase', 'ada'), of('usage', 'ada:purchases'), of('purchase', 'ada:purchases'), of('usage', 'ada')]
  expect(new Set(records).size).toBe(records.length)
})
