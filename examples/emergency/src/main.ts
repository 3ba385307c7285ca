import { readFile } from 'node:fs/promises'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, credits, presets, type Workflow } from 'farebox'

const box = createFarebox({
  store: sqlite({ filename: ':memory:' }),
  // Made-up answers, so no keys are needed, and gpt-4o is down. In production: openai and anthropic of @farebox/providers.
  providers: [simulated({ failures: { 'gpt-4o': { kind: 'unavailable', status: 503 } } })],
})
await box.migrate()
const { accountId } = await box.ledger.openAccount({ name: 'Dispatch' })
await box.ledger.grant({ accountId, amount: credits(200) })

const { configuration } = box.businessAdapter('emergencyservices')
const call = box.workflow({ accountId, name: 'emergency_call', businessAdapter: 'emergencyservices', configuration })

heading('A call comes in')
const audio = await readFile(new URL('../../gateway/question.wav', import.meta.url))
const { text } = await call.transcribe({ audio })
say(`caller: ${text}`)
const advice = await call.chat({ messages: caller(text), outputTokensMax: 200 })
say(`${advice.provider}: ${advice.text}`)
const speech = await call.speak({ text: advice.text })
say(`spoken by ${speech.provider}`)

heading('The receipt, with every attempt')
const receipt = await call.close()
for (const { service_type, provider, outcome, error, reason, credits_used } of receipt.attempts ?? []) {
  say(`${service_type} by ${provider}: ${error ? `${outcome} (${error})` : outcome}, ${reason}: ${credits_used}`)
}
say(`${receipt.total_credits_used} credits`)

heading('A simple question: who is asked first')
await firstChoice('balanced', box.workflow({ accountId, name: 'question', configuration: presets.balanced() }))
await firstChoice('emergencyservices', box.workflow({ accountId, name: 'question', configuration }))

heading('With two credits left: a lesser model is not asked instead')
const poor = await box.ledger.openAccount({ name: 'Another dispatch' })
await box.ledger.grant({ accountId: poor.accountId, amount: credits(2) })
await ask('emergencyservices', box.workflow({ ...poor, name: 'question', configuration }))
await ask(
  'balanced, with gpt-4',
  box.workflow({ ...poor, name: 'question', configuration: presets.balanced({ primaryAiModel: 'gpt-4' }) }),
)
await box.close()

/** Prints the provider that would be asked first. An estimate plans the call as the call itself would. */
async function firstChoice(name: string, workflow: Workflow): Promise<void> {
  const { services } = await workflow.estimate({ chat: { messages: caller('Which number do I call?'), complexity: 'low' } })
  say(`${name}: ${services[0]?.provider}`)
}

async function ask(name: string, workflow: Workflow): Promise<void> {
  const outcome = await workflow.chat({ messages: caller('Which number do I call?'), outputTokensMax: 200 }).then(
    ({ provider }) => `answered by ${provider}`,
    ({ code, message }: { code: string; message: string }) => `${code}, ${message}`,
  )
  say(`${name}: ${outcome}`)
}

function caller(text: string) {
  return [
    { role: 'system' as const, content: 'You help dispatchers. Say what to do first, in one sentence.' },
    { role: 'user' as const, content: text },
  ]
}

function heading(title: string): void {
  console.log(`\n${title}`)
}

function say(line: string): void {
  console.log(`  ${line}`)
}
