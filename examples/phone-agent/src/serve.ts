import { sqlite } from '@farebox/ledger/sqlite'
import { cartesia } from '@farebox/providers/cartesia'
import { deepgram } from '@farebox/providers/deepgram'
import { openai } from '@farebox/providers/openai'
import { twilio } from '@farebox/providers/twilio'
import { createFarebox, credits, presets } from 'farebox'
import { startAgent } from './agent-server.ts'
import { printReceipt } from './print-receipt.ts'

const { PUBLIC_URL: site, PORT = '3000', ...keys } = process.env
if (!site) fail('set PUBLIC_URL to the address at which Twilio reaches this server: https://agent.example.com')

const phone = twilio({ accountSid: keys.TWILIO_ACCOUNT_SID, authToken: keys.TWILIO_AUTH_TOKEN })
const providers = [
  phone,
  openai({ apiKey: keys.OPENAI_API_KEY }),
  deepgram({ apiKey: keys.DEEPGRAM_API_KEY }),
  cartesia({ apiKey: keys.CARTESIA_API_KEY }),
]
for (const { name, availability } of providers) {
  if (availability.status === 'disabled') fail(`${name}: ${availability.reason}`)
}
const box = createFarebox({
  store: sqlite({ filename: 'phone-agent.db' }),
  providers,
  configuration: presets.balanced({ ttsProvider: 'cartesia', sttProvider: 'deepgram' }),
  onError: console.error,
})
await box.migrate()
const accountId = 'shop'
await box.ledger.openAccount({ accountId, name: 'Shop' })
// Repeating a grant with the same id changes nothing.
await box.ledger.grant({ accountId, grantId: 'first', amount: credits(1_000) })

// Here, one account pays for every number. Your own function looks up the account that owns the number.
const accountOf = async () => accountId
const options = { box, twilio: phone, site: site.replace(/\/+$/, ''), accountOf, print: console.log, onEnded: printReceipt }
const agent = await startAgent(options, Number(PORT))
console.log(`listening on http://127.0.0.1:${agent.port} for ${site}`)

const sweeping = setInterval(() => void box.ledger.sweep().catch(console.error), 30_000)
// A signal may come twice, from the terminal and from npm: the second changes nothing.
await new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, resolve)
})
clearInterval(sweeping)
await agent.close()
await box.close()

/** Prints the problem and exits. */
function fail(problem: string): never {
  console.error(problem)
  process.exit(1)
}
