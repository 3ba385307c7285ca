import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, credits, presets } from 'farebox'

const box = createFarebox({
  store: sqlite({ filename: ':memory:' }),
  providers: [simulated()], // openai({ apiKey }) from '@farebox/providers/openai' for real answers
  configuration: presets.costOptimized(),
})
await box.migrate()

const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
await box.ledger.grant({ accountId, amount: credits(200) })

const workflow = box.workflow({ accountId, name: 'support_call' })
const answer = await workflow.chat({ messages: [{ role: 'user', content: 'When do you open?' }] })
await workflow.record('phone', 'twilio', 5, 'minutes') // work that your own code did
const receipt = await workflow.close()

console.log(`answered by ${answer.provider}`)
console.table(receipt.services_used)
console.log(`${receipt.total_credits_used} credits`)
await box.close()
