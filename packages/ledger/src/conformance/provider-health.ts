import { describe, expect, it } from 'vitest'
import { expectInvalid, HOUR, type Suite } from './suite.ts'

export function exerciseProviderHealth(suite: Suite): void {
  describe('what processes tell each other of providers', () => {
    it('is read by every process, as it was told, with its age by the clock of the store', async () => {
      const news = [{ healthKey: '["a","b"]', samples: 1.5, text: 'Zoë\u0000?' }]
      await suite.ledger.health.publish('one', news)
      suite.now += 1_500
      await suite.ledger.health.publish('two', [])
      expect(await suite.another().health.read()).toEqual([
        { processId: 'one', ageMs: 1_500, news },
        { processId: 'two', ageMs: 0, news: [] },
      ])
    })

    it('is replaced by what the same process tells next', async () => {
      await suite.ledger.health.publish('one', ['old'])
      await suite.another().health.publish('one', ['new'])
      expect((await suite.ledger.health.read()).filter(({ processId }) => processId === 'one')).toMatchObject([{ news: ['new'] }])
    })

    it('is forgotten after an hour, and removed', async () => {
      await suite.ledger.health.publish('gone', [])
      suite.now += 2 * HOUR
      expect(await suite.ledger.health.read()).toEqual([])
      await suite.another().health.publish('here', [])
      expect(await suite.sql('SELECT process_id FROM farebox_provider_health')).toEqual([{ process_id: 'here' }])
    })

    it('may be told by many at once', async () => {
      const names = Array.from({ length: 20 }, (_, index) => `process${index}`)
      await Promise.all(names.map((name) => suite.another().health.publish(name, [name])))
      expect((await suite.ledger.health.read()).map(({ processId }) => processId)).toEqual(expect.arrayContaining(names))
    })

    it('must be JSON that is not too long', async () => {
      const cyclic: Record<string, unknown> = {}
      cyclic.self = cyclic
      for (const news of [undefined, cyclic, 5n, 'x'.repeat(1_000_001)]) {
        await expectInvalid('news', () => suite.ledger.health.publish('one', news))
      }
      await expectInvalid('processId', () => suite.ledger.health.publish('', []))
    })
  })
}
