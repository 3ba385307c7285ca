import { Ledger, type LedgerDriver } from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { longestStall } from './measure.ts'

/** Verifies one account in a process of its own, so that its memory is that of the verification. Prints what it took. */
const [store = '', accountId = ''] = process.argv.slice(2)
const driver: LedgerDriver = /^postgres(ql)?:/.test(store) ? postgres({ connectionString: store }) : sqlite({ filename: store })
const ledger = new Ledger(driver)
await ledger.balance(accountId)
const idleMib = process.resourceUsage().maxRSS / 1_024
const started = performance.now()
let mismatches = 0
const stallMs = await longestStall(async () => {
  mismatches = (await ledger.verify(accountId)).mismatches.length
})
const ms = performance.now() - started
await ledger.close()
console.log(JSON.stringify({ ms, stallMs, mismatches, mib: process.resourceUsage().maxRSS / 1_024, idleMib }))
