import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'

/** An app that may not let any file grow beyond a limit: makes a ledger, charges a hundred times at once, and again; tells how each ended. */
const [filename = '', rounds = ''] = process.argv.slice(2)
const accountId = 'a'
const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(1) } as const
// The system tells a process that it has reached the limit, and ends it if it does not listen.
process.on('SIGXFSZ', () => undefined)

const ledger = new Ledger(sqlite({ filename }))
await ledger.migrate()
await ledger.openAccount({ accountId, name: 'Ada' })
await ledger.grant({ accountId, amount: credits(100_000) })
const ends: string[] = []
for (let round = 0; round < Number(rounds); round++) {
  const charges = Array.from({ length: 100 }, (_, at) =>
    ledger.charge({ accountId, usageId: `${round}.${at}`, service: 'gpt', provider: 'gpt-4o-mini', usage }).then(
      ({ status }) => status,
      (error: Error) => error.message,
    ),
  )
  ends.push(...(await Promise.all(charges)))
}
await ledger.close()
process.send?.(ends)
process.disconnect?.()
