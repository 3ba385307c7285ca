import { hash } from 'node:crypto'
import { join } from 'node:path'
import { credits, type Farebox, formatCredits, isFareboxError } from 'farebox'
import { SetupError } from './environment.ts'

const ACCOUNT = 'demo'
const AGENT = 'demo'
const CREDITS = credits(100_000)

/**
 * Creates a demo account with credits, a key and an agent at the first start.
 *
 * @param adminToken  the shell expression for the admin token
 * @returns the lines to print for the operator
 * @throws {SetupError} the given key cannot belong to the demo account
 */
export async function makeDemo(box: Farebox, givenKey: string | undefined, url: string, adminToken: string): Promise<string[]> {
  const { ledger } = box
  await ledger.openAccount({ accountId: ACCOUNT, name: 'Demo' })
  await ledger.grant({ accountId: ACCOUNT, grantId: 'demo', amount: CREDITS, source: 'promo' })
  const balance = formatCredits((await ledger.balance(ACCOUNT)).balance)
  if (!(await ledger.document(ACCOUNT, 'agent', AGENT))) await box.agents.create({ accountId: ACCOUNT, agentId: AGENT })

  const openKey = await demoKey(box, givenKey)
  if (openKey === undefined) {
    return [
      `demo account: ${balance} credits; its key was printed at the first start, and only its hash was kept. For another:`,
      `  curl -s ${url}/api/v1/admin/keys -H "Authorization: Bearer ${adminToken}" -d '{"account_id":"${ACCOUNT}"}'`,
    ]
  }
  // Whoever chose a key has it, so the log need not.
  const key = givenKey === undefined ? openKey : '$FAREBOX_DEMO_KEY'
  const question = join(import.meta.dirname, '../question.wav')
  return [
    `demo account: ${balance} credits`,
    `demo key: ${key}`,
    '',
    'Ask in writing:',
    `  curl -s ${url}/api/v1/agent/${AGENT}/chat -H "Authorization: Bearer ${key}" -H 'Content-Type: application/json' -d '{"message":"What is a farebox?"}'`,
    'Ask by voice (the answer holds text, audio and the receipt):',
    `  curl -s ${url}/api/v1/agent/${AGENT}/voice -H "Authorization: Bearer ${key}" -F 'audio=@${question}' -o answer.json`,
  ]
}

/**
 * The demo key, if this start created it or was given it.
 *
 * @throws {SetupError} the given key cannot belong to the demo account
 */
async function demoKey({ ledger }: Farebox, given: string | undefined): Promise<string | undefined> {
  const ofDemo = { accountId: ACCOUNT, name: 'demo', minimumBalance: credits(0) }
  if (given === undefined) {
    const outcome = await ledger.createApiKey({ ...ofDemo, apiKeyId: 'demo' })
    return outcome.status === 'created' ? outcome.secret : undefined
  }
  const isGood = async () => (await ledger.authenticate(given))?.accountId === ACCOUNT
  if (await isGood()) return given
  const apiKeyId = `demo:${hash('sha256', given).slice(0, 12)}`
  await ledger.createApiKey({ ...ofDemo, apiKeyId, secret: given }).catch((error: unknown) => {
    if (!(isFareboxError(error) && error.code === 'ALREADY_EXISTS')) throw error
  })
  // Another gateway may have created the key meanwhile.
  if (await isGood()) return given
  throw new SetupError(
    'FAREBOX_DEMO_KEY was revoked, or its first 8 characters (after fbx_) are those of another key: choose another',
  )
}
