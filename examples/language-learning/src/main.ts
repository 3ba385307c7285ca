import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, credits, formatCredits } from 'farebox'
import { microphone, microphoneFormat, recording } from './sound.ts'

const box = createFarebox({
  store: sqlite({ filename: ':memory:' }),
  // Made-up answers, so no keys are needed. In production: deepgram, openai, anthropic and cartesia of @farebox/providers.
  providers: [simulated()],
})
await box.migrate()
const { accountId } = await box.ledger.openAccount({ name: 'Ada' })
await box.ledger.grant({ accountId, amount: credits(100) })

const { configuration } = await box.agents.create({ accountId, businessAdapter: 'languagelearning' })
const lesson = box.workflow({ accountId, name: 'lesson', businessAdapter: 'languagelearning', configuration })

heading('What an exercise will cost')
const estimate = await lesson.estimate({
  transcribe: { audio: recording(4) },
  chat: { messages: heard('May I have a coffee?'), outputTokensMax: 200 },
  speak: { text: 'Good! You could also say: could I have a coffee, please?' },
})
for (const { service, provider, expected, high } of estimate.services) {
  say(`${service} by ${provider}: ${formatCredits(expected)}, at most ${formatCredits(high)}`)
}

heading('Live: the pupil is heard while talking')
const live = await lesson.listen({ audio: microphone(3.6), format: microphoneFormat, language: 'en' })
const sentences: string[] = []
for await (const event of live.events) if (event.type === 'transcript' && event.isFinal) sentences.push(event.text)
await teach(sentences.join(' '))

heading('Recorded: the pupil sends a message')
const message = await lesson.transcribe({ audio: recording(4), language: 'en' })
await teach(message.text)

heading('What is not part of a lesson')
// A request may cost at most 75 credits, and ten minutes of sound cost more.
await refused('ten minutes of sound', lesson.transcribe({ audio: recording(600) }))
await refused('a telephone call', lesson.call({ to: '+15551234567', instructions: { type: 'say', text: 'Hello' } }))

heading('The receipt')
const receipt = await lesson.close()
for (const used of receipt.services_used) {
  say(`${used.service_type} by ${used.provider}, ${used.units_consumed} ${used.unit_type}: ${used.credits_used}`)
}
say(`${receipt.total_credits_used} credits; ${formatCredits((await box.ledger.balance(accountId)).balance)} are left`)
await box.close()

/** Answers the pupil in text and aloud. */
async function teach(said: string): Promise<void> {
  say(`pupil: ${said}`)
  const answer = await lesson.chat({ messages: heard(said), outputTokensMax: 200 })
  const speech = await lesson.speak({ text: answer.text })
  say(`${answer.provider}: ${answer.text}`)
  say(`spoken by ${speech.provider}, ${speech.audio.length} bytes of ${speech.format}`)
}

function heard(text: string) {
  return [
    { role: 'system' as const, content: 'You teach English. Correct mistakes, then ask the next question.' },
    { role: 'user' as const, content: text },
  ]
}

async function refused(what: string, work: Promise<unknown>): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: { code: string; message: string }) => reason,
  )
  say(error ? `${what}: ${error.code}, ${error.message}` : `${what} should have been refused`)
}

function heading(title: string): void {
  console.log(`\n${title}`)
}

function say(line: string): void {
  console.log(`  ${line}`)
}
