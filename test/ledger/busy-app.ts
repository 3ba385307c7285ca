import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { type SqliteWriter, sqlite } from '@farebox/ledger/sqlite'

/** A program that places holds, and ends with or without closing its ledger: `busy-app.ts <file> <writer> <rounds> [close]`. */
const [filename, writer, rounds, end] = process.argv.slice(2)
const ledger = new Ledger(sqlite({ filename, writer: writer as SqliteWriter }))
await ledger.migrate()
await ledger.openAccount({ accountId: 'ada', name: 'Ada' })
await ledger.grant({ accountId: 'ada', amount: credits(1_000) })
let held = 0
for (let round = 0; round < Number(rounds); round++) {
  const place = () => ledger.placeHold({ accountId: 'ada', amount: credits(1), service: 'gpt', provider: 'gpt-4o-mini' })
  const outcomes = await Promise.all(Array.from({ length: 20 }, place))
  held += outcomes.filter(({ status }) => status === 'held').length
}
if (end === 'close') await ledger.close()
console.log(`${held} held`)
