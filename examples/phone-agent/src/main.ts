import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { twilio } from '@farebox/providers/twilio'
import { createFarebox, credits, presets } from 'farebox'
import { startAgent } from './agent-server.ts'
import { printReceipt } from './print-receipt.ts'
import { SimulatedTwilio } from './simulated-twilio.ts'

// A call without a telephone, a key or a bill. `src/serve.ts` takes real calls.
const site = 'https://agent.example.com'
const account = { accountSid: `AC${'0'.repeat(32)}`, authToken: 'simulated' }
const [caller, shop] = ['+15551234567', '+15557654321']

const network = await SimulatedTwilio.start({ ...account, site, address: () => `http://127.0.0.1:${agent.port}` })
const phone = twilio({ ...account, baseUrl: network.url })
const box = createFarebox({
  store: sqlite({ filename: ':memory:' }),
  // Half a second of silence ends the caller's sentence.
  providers: [phone, simulated({ services: ['gpt', 'voice_stt', 'voice_tts'], pauseMs: 500 })],
  configuration: presets.balanced({ ttsProvider: 'cartesia', sttProvider: 'deepgram' }),
})
await box.migrate()
const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
await box.ledger.grant({ accountId, amount: credits(70) })

const agent = await startAgent({
  box,
  twilio: phone,
  site,
  accountOf: async (to) => (to === shop ? accountId : undefined),
  print: console.log,
  onEnded: printReceipt,
})

console.log(`${caller} calls ${shop}, with 70 credits`)
await network.call({ from: caller, to: shop }, async (handset) => {
  await handset.listen()
  // The transcripts are made up, at two and a half words per second: these are sentences of nine words, and one of twelve.
  await handset.speak(3.6)
  await handset.listen(3)
  await handset.speak(3.6)
  await handset.listen()
  await handset.speak(4.8)
  await handset.listen()
  await handset.holdOn()
})

await agent.close()
network.close()
const { balance, held } = await box.ledger.balance(accountId)
console.log(`${Number(balance / 1_000_000n)} credits are left, ${held} are held`)
await box.close()
