import { join } from 'node:path'
import { credits, type Farebox, formatCredits } from 'farebox'

const ACCOUNT = 'demo'
const AGENT = 'demo'
const CREDITS = credits(100_000)

/**
 * A demo account with credits, a key and an agent, made at the first start. Returns what to tell whoever starts the gateway.
 *
 * @param adminToken  the admin token as a shell finds it
 */
export async function makeDemo(box: Farebox, givenKey: string | undefined, url: string, adminToken: string): Promise<string[]> {
  const { ledger } = box
  await ledger.openAccount({ accountId: ACCOUNT, name: 'Demo' })
  await ledger.grant({ accountId: ACCOUNT, grantId: 'demo', amount: CREDITS, source: 'promo' })
  const balance = formatCredits((await ledger.balance(ACCOUNT)).balance)
  if (!(await ledger.document(ACCOUNT, 'agent', AGENT))) await box.agents.create({ accountId: ACCOUNT, agentId: AGENT })

  const key = await demoKey(box, givenKey)
  if (key === undefined) {
    return [
      `demo account: ${balance} credits; its key was printed at the first start, and only its hash was kept. For another:`,
      `  curl -s ${url}/api/v1/admin/keys -H "Authorization: Bearer ${adminToken}" -d '{"account_id":"${ACCOUNT}"}'`,
    ]
  }
  const question = join(import.meta.dirname, '../question.wav')
  return [
    `demo account: ${balance} credits`,
    `demo key: ${key}`,
    '',
    'Ask in writing:',
    `  curl -s ${url}/api/v1/agent/${AGENT}/chat -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' -d '{"message":"What is a farebox?"}'`,
    'Ask by voice (the answer holds text, audio and the receipt):',
    `  curl -s ${url}/api/v1/agent/${AGENT}/voice -H 'Authorization: Bearer ${key}' -F 'audio=@${question}' -o answer.json`,
  ]
}

/** The key, when this start made it or was given it. */
async function demoKey({ ledger }: Farebox, given: string | undefined): Promise<string | undefined> {
  if (given !== undefined && (await ledger.authenticate(given))?.accountId === ACCOUNT) return given
  const apiKeyId = given === undefined ? 'demo' : `demo:${given.slice(0, 12)}`
  const outcome = await ledger.createApiKey({
    accountId: ACCOUNT,
    apiKeyId,
    name: 'demo',
    minimumBalance: credits(0),
    secret: given,
  })
  return outcome.status === 'created' ? outcome.secret : undefined
}
