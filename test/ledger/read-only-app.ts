import { credits } from '@farebox/core'
import { Ledger } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'

/** An app on a file that it may only read at first: charges, migrates or looks after itself when its parent says so, and tells how that ended. */
const [filename = '', accountId = ''] = process.argv.slice(2)
const ledger = new Ledger(sqlite({ filename }))
const usage = { quantity: 1_000_000n as never, unit: 'tokens', rated: credits(1) } as const
const work = {
  charge: (usageId: string) => ledger.charge({ accountId, usageId, service: 'gpt', provider: 'gpt-4o-mini', usage }),
  migrate: () => ledger.migrate(),
  ping: () => ledger.ping(),
  close: () => ledger.close(),
}

process.on('message', async ([verb, usageId]: [keyof typeof work, string]) => {
  const ended = await work[verb](usageId).then(
    () => 'done',
    (error: Error) => error.message,
  )
  process.send?.(ended)
})
// The superuser may write anything. What is loaded later must be loaded while he may read it.
await import('better-sqlite3')
if (process.getuid?.() === 0) process.setuid?.(65_534)
process.send?.('ready')
