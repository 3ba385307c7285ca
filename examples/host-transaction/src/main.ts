import { credits, formatCredits, quantity } from '@farebox/core'
import { type AppDatabase, openPostgres, openSqlite } from './app-database.ts'

const { DATABASE_URL } = process.env
const app: AppDatabase = DATABASE_URL ? await openPostgres(DATABASE_URL) : openSqlite()
await app.migrate()
const { ledger } = app

const { accountId } = await ledger.openAccount({ name: 'Ada' })
await ledger.grant({ accountId, amount: credits(100) })

/** Records an order and its charge: both, or neither. The charge uses the order's id, so repeating it charges once. */
async function order(orderId: string, title: string, price: number, afterwards: () => void = () => undefined): Promise<string> {
  return app.transaction(async (transaction) => {
    await transaction.insertOrder(accountId, orderId, title)
    const outcome = await ledger.charge(
      {
        accountId,
        usageId: orderId,
        service: 'report',
        provider: 'in_house',
        usage: { quantity: quantity(1), unit: 'requests', rated: credits(price) },
      },
      { transaction: transaction.handle },
    )
    if (outcome.status === 'refused') throw new Error(`not sold: ${outcome.reason}`)
    afterwards()
    return outcome.replayed ? 'had been sold' : `sold for ${formatCredits(outcome.charged)}`
  })
}

heading('The row and the charge commit together')
say(await order('first', 'Market report', 30))
await sayWhatThereIs()

heading('The app fails after both: they roll back together')
const failure = () => {
  throw new Error('the printer is on fire')
}
say(await order('second', 'Weather report', 30, failure).catch(messageOf))
await sayWhatThereIs()

heading('The same order again goes through: its first attempt has left nothing')
say(await order('second', 'Weather report', 30))
await sayWhatThereIs()

heading('Sent twice, it is sold once')
say(await order('second', 'Weather report', 30))
await sayWhatThereIs()

heading('The account cannot pay: the row goes with the refusal')
say(await order('third', 'Annual report', 60).catch(messageOf))
await sayWhatThereIs()

heading('Two at once, of which the account can pay one')
const both = await Promise.allSettled([order('fourth', 'Poll', 25), order('fifth', 'Poll', 25)])
say(`${both.filter(({ status }) => status === 'fulfilled').length} of ${both.length} sold`)
await sayWhatThereIs()

heading('The books')
const { entries, mismatches } = await ledger.verify(accountId)
say(`${entries} entries, ${mismatches.length} mismatches`)
await app.close()

async function sayWhatThereIs(): Promise<void> {
  const { balance } = await ledger.balance(accountId)
  say(`orders: ${(await app.orders(accountId)).join(', ')}; balance ${formatCredits(balance)}`)
}

function heading(text: string): void {
  console.log(`\n${text}`)
}

function say(text: string): void {
  console.log(`  ${text}`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
