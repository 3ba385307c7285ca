import { type Credits, credits, formatCredits, microCredits, quantity } from '@farebox/core'
import {
  type ChargedOutcome,
  IdempotencyConflictError,
  Ledger,
  type LedgerDriver,
  type SettleHoldInput,
  type UsageInput,
} from '@farebox/ledger'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'

const HOUR = 3_600_000
// A custom clock lets this program see a grant expire. By default, SQLite uses the host's clock and Postgres its server's.
let now = Date.parse('2026-11-02T09:00:00Z')
const clock = () => now

const { DATABASE_URL } = process.env
const driver: LedgerDriver = DATABASE_URL
  ? postgres({ connectionString: DATABASE_URL, schema: 'farebox_example', clock })
  : sqlite({ filename: ':memory:', clock })
const ledger = new Ledger(driver)
await ledger.migrate()

heading('An account and its grants')
const { accountId } = await ledger.openAccount({ name: 'Ada' })
await ledger.grant({ accountId, amount: credits(200) })
await ledger.grant({
  accountId,
  amount: credits(20),
  source: 'promo',
  priority: 10, // spent before the purchase, whose priority is 100
  services: ['gpt'],
  expiresAt: now + 24 * HOUR,
})
for (const { source, priority, remaining, expiresAt, services } of await ledger.grants(accountId)) {
  const until = expiresAt === null ? 'never expires' : `expires ${new Date(expiresAt).toISOString()}`
  say(`${source}: ${formatCredits(remaining)} credits, priority ${priority}, for ${services ?? 'every service'}, ${until}`)
}
await sayBalance()

heading('A workflow with a ceiling: a phone call, settled while it lasts')
const call = await ledger.openWorkflow({ accountId, name: 'support_call', maxCredits: credits(120) })
if (call.status === 'refused') throw new Error(call.reason)
const { workflowId } = call
const phone = { service: 'phone', provider: 'twilio' }
const hold = await ledger.placeHold({ accountId, workflowId, ...phone, amount: credits(60), unitPrice: credits(20) })
if (hold.status === 'refused') throw new Error(hold.reason)
const { holdId } = hold
say(`held ${formatCredits(hold.amount)} credits; beside them ${hold.affordableUnits} more minutes can be afforded`)
await sayBalance()
sayCharged(await ledger.settleHold({ accountId, holdId, usageId: 'first-minutes', usage: minutes('1.5'), final: false }))
const hangUp: SettleHoldInput = { accountId, holdId, usageId: 'last-minutes', usage: minutes('1.25') }
sayCharged(await ledger.settleHold(hangUp))
await sayBalance()

heading('A refusal is a value, and changes nothing')
// Of the 165 credits left, 20 may pay for gpt only.
for (const asked of [{ amount: credits(100), workflowId }, { amount: credits(500) }]) {
  const refused = await ledger.placeHold({ accountId, ...phone, ...asked })
  if (refused.status !== 'refused' || !('requested' in refused)) throw new Error('this should have been refused')
  const { reason, requested, available } = refused
  say(`${reason}: ${formatCredits(requested)} requested, ${formatCredits(available)} available`)
}

heading('The same request again charges nothing')
sayCharged(await ledger.settleHold(hangUp))
try {
  await ledger.settleHold({ ...hangUp, usage: minutes('9') })
} catch (error) {
  if (!(error instanceof IdempotencyConflictError)) throw error
  say(`other content under the same id is a conflict: ${error.differs.join(' and ')} differ`)
}
await sayBalance()

heading('Work that costs more than the account has')
const chat = { service: 'gpt', provider: 'gpt-4o' }
const short = await ledger.placeHold({ accountId, ...chat, amount: credits(5), overage: 'cap' })
if (short.status === 'refused') throw new Error(short.reason)
sayCharged(await ledger.settleHold({ accountId, holdId: short.holdId, usage: tokens(22_500) }))
await sayBalance()

heading('The promotion of a second account expires')
const other = await ledger.openAccount({ name: 'Grace' })
await ledger.grant({ accountId: other.accountId, amount: credits(15), source: 'promo', expiresAt: now + 24 * HOUR })
sayCharged(await ledger.charge({ accountId: other.accountId, ...chat, usage: tokens(600) }))
await sayBalance(other.accountId)
now += 25 * HOUR
await sayBalance(other.accountId)

heading('What the call cost')
await ledger.closeWorkflow({ accountId, workflowId })
const { name, spent, lines } = await ledger.workflow(accountId, workflowId)
say(`${name}: ${formatCredits(spent)} credits`)
for (const line of lines) say(`${line.service} by ${line.provider}: ${formatCredits(line.charged)} credits`)

heading('The statement, newest first')
for (const { sequence, at, verb, postings } of (await ledger.statement(accountId)).items) {
  const moved = postings.map(([bucket, amount]) => `${bucket} ${signed(microCredits(amount))}`).join(', ')
  say(`${String(sequence).padStart(2)}  ${new Date(at).toISOString()}  ${verb}${moved && `: ${moved}`}`)
}

heading('Replaying the journal')
for (const account of [accountId, other.accountId]) {
  const { entries, usageRecords, mismatches } = await ledger.verify(account)
  say(`${entries} entries and ${usageRecords} usage records, ${mismatches.length} mismatches`)
}
await ledger.close()

/** Phone minutes at 20 credits each, rated exactly. The ledger rounds the sum of a workflow up to whole credits. */
function minutes(count: string): UsageInput {
  const amount = quantity(count)
  return { quantity: amount, unit: 'minutes', rated: microCredits(amount * 20n) }
}

/** Tokens at 8 credits per thousand. */
function tokens(count: number): UsageInput {
  return { quantity: quantity(count), unit: 'tokens', rated: microCredits((credits(8) * BigInt(count)) / 1_000n) }
}

function heading(text: string): void {
  console.log(`\n${text}`)
}

function say(text: string): void {
  console.log(`  ${text}`)
}

async function sayBalance(account: string = accountId): Promise<void> {
  const { name, balance, held, available } = await ledger.balance(account)
  say(`${name}: balance ${formatCredits(balance)}, held ${formatCredits(held)}, available ${formatCredits(available)}`)
}

function sayCharged(outcome: ChargedOutcome | { status: 'refused'; reason: string }): void {
  if (outcome.status === 'refused') throw new Error(outcome.reason)
  const { charged, shortfall, replayed } = outcome
  const missing = shortfall > 0n ? `, ${formatCredits(shortfall)} could not be taken` : ''
  say(`charged ${formatCredits(charged)}${missing}${replayed ? ' (replayed)' : ''}`)
}

function signed(amount: Credits): string {
  return `${amount > 0n ? '+' : ''}${formatCredits(amount)}`
}
