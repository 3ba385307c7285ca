import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createClient, type Problem, type Receipt } from '@farebox/client'
import { credits } from 'farebox'
import { app, box } from './app.ts'

const server = app.listen(0)
await once(server, 'listening')
const baseUrl = `http://localhost:${(server.address() as AddressInfo).port}`

const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
await box.ledger.grant({ accountId, amount: credits(2) })
// By default, an account needs 5,000 credits to create a key.
const created = await box.ledger.createApiKey({ accountId, minimumBalance: credits(0) })
if (created.status === 'refused' || !created.secret) throw new Error('no key was made')
const apiKey = created.secret

say('Without a key', await ask('What is a farebox?'))
say('With a key', await ask('What is a farebox?', apiKey))

// The client calls the library's own routes.
const client = createClient({ baseUrl, apiKey })
const { credit_balance, held } = await client.credits()
say('The credits after it', `balance ${credit_balance}, held ${held}`)

const { workflow_breakdown, service_breakdown } = await client.usage()
say('Where the other went', [
  ...Object.entries(workflow_breakdown).map(([name, run]) => `${name}: ${run.total_credits} in ${run.count} run`),
  ...service_breakdown.map((service) => `${service.name}: ${service.total_credits}`),
])

say('The same question, when one credit is left', await ask('What is a farebox?', apiKey))

// Pending requests end first. A server that runs until a signal needs more, as the guide explains.
server.close()
await once(server, 'close')
await box.close()

/** Calls the app's own route, and returns its answer as lines. */
async function ask(question: string, key?: string): Promise<string[]> {
  const response = await fetch(`${baseUrl}/ai/ask`, {
    method: 'POST',
    headers: key ? { authorization: `Bearer ${key}` } : {},
    body: question,
  })
  if (!response.ok) {
    const { status, code, detail } = (await response.json()) as Problem
    return [`${status} ${code}: ${detail}`]
  }
  const { text, receipt } = (await response.json()) as { text: string; receipt: Receipt }
  return [
    text,
    `credits used: ${receipt.total_credits_used}`,
    ...receipt.services_used.map(
      (used) => `${used.service_type} by ${used.provider}, ${used.units_consumed} ${used.unit_type}: ${used.credits_used}`,
    ),
  ]
}

function say(title: string, lines: string | string[]): void {
  console.log([title, ...[lines].flat().map((line) => `  ${line}`), ''].join('\n'))
}
