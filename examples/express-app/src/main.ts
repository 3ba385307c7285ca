import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { credits, type Problem, type Receipt, type UsageReport } from 'farebox'
import { app, box } from './app.ts'

const server = app.listen(0)
await once(server, 'listening')
const origin = `http://localhost:${(server.address() as AddressInfo).port}`

const ada = await openAccount('Ada', 10_000)
const poor = await openAccount('Grace', 1)
const question = 'What is a farebox?'

await show('Without a key', '/ai/ask', { question })

await show('With the key of Ada', '/ai/ask', { key: ada, question }, (answer: { text: string; receipt: Receipt }) => [
  answer.text,
  `credits used: ${answer.receipt.total_credits_used}`,
  ...answer.receipt.services_used.map(
    (used) => `${used.service_type} by ${used.provider}, ${used.units_consumed} ${used.unit_type}: ${used.credits_used}`,
  ),
])

await show('Her credits after it', '/api/v1/credits', { key: ada }, (credit: { credit_balance: number; held: number }) => [
  `balance ${credit.credit_balance}, held ${credit.held}`,
])

await show('Where the others went', '/api/v1/usage', { key: ada }, (usage: UsageReport) => [
  ...Object.entries(usage.workflow_breakdown).map(([name, run]) => `${name}: ${run.total_credits} in ${run.count} run`),
  ...usage.service_breakdown.map((service) => `${service.name}: ${service.total_credits}`),
])

await show('With the key of Grace, who has one credit', '/ai/ask', { key: poor, question })

// Pending requests end first. A server that runs until a signal needs more, as the guide explains.
server.close()
await once(server, 'close')
await box.close()

/** Opens an account with some credits, and creates a key for it. */
async function openAccount(name: string, amount: number): Promise<string> {
  const { accountId } = await box.ledger.openAccount({ name })
  await box.ledger.grant({ accountId, amount: credits(amount) })
  // By default, an account needs 5,000 credits to create a key.
  const key = await box.ledger.createApiKey({ accountId, minimumBalance: credits(0) })
  if (key.status === 'refused' || !key.secret) throw new Error(`no key for ${name}`)
  return key.secret
}

/** Sends a request, a POST if there is a question, and prints its status with the lines that `read` makes of the answer. */
async function show<Answer>(
  title: string,
  path: string,
  { key, question }: { key?: string; question?: string },
  read: (answer: Answer) => string[] = () => [],
): Promise<void> {
  const response = await fetch(origin + path, {
    method: question === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
    body: question === undefined ? undefined : JSON.stringify({ question }),
  })
  const answer = await response.json()
  const lines = response.ok ? read(answer as Answer) : [`${(answer as Problem).code}: ${(answer as Problem).detail}`]
  console.log(`${title}\n${response.status} ${lines.join('\n    ')}\n`)
}
