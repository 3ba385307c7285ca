import { Ledger } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import { type Load, measure, Waits } from './sqlite-work.ts'

/** One process of several on the same file: does the loads that its parent sends, and reports what they came to. */
const [filename = ''] = process.argv.slice(2)
const waits = new Waits()
const ledger = new Ledger(sqlite({ filename }), { onCommit: waits.onCommit })
process.on('message', async (load: Load) => {
  const held = new Map<string, bigint>()
  const measured = await measure(ledger, waits, load, held)
  process.send?.({ measured, held: [...held].map(([accountId, amount]) => [accountId, String(amount)]) })
})
process.on('disconnect', () => void ledger.close())
