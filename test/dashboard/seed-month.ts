import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { credits, type Quantity, quantity } from '@farebox/core'
import type { Farebox } from 'farebox'
import { dice as diceOf } from '../faults/dice.ts'

/** A clock that its owner sets: the past while a month is made up, the real time after it. */
export interface SeedClock {
  now(): number
  /** Epoch milliseconds; `undefined`: the real time. */
  at: number | undefined
}

export function seedClock(): SeedClock {
  const clock: SeedClock = { at: undefined, now: () => clock.at ?? Date.now() }
  return clock
}

/** What was made: an account with a month behind it, and one beside it. */
export interface Seeded {
  accountId: string
  key: string
  prefix: string
  /** The account of somebody else, whose workflow is called {@link OTHERS_WORKFLOW}. */
  other: { accountId: string; key: string }
  /** A workflow in which one provider failed and another answered. */
  rescued: string
}

/** A name that somebody chose who means harm. */
export const XSS = '<img src=x onerror="window.hacked=true">'
export const OTHERS_WORKFLOW = 'somebody_elses_work'

const DAY = 86_400_000
const question = join(import.meta.dirname, '../../examples/gateway/question.wav')

const kinds: readonly {
  name: string
  weight: number
  run: (box: ReturnType<Farebox['workflow']>, dice: () => number) => Promise<void>
}[] = [
  {
    name: 'support_call',
    weight: 5,
    async run(workflow, dice) {
      await workflow.record('voice_stt', 'deepgram', whole(2 + dice() * 9), 'minutes')
      await workflow.chat({
        messages: [{ role: 'user', content: 'My parcel has not arrived. Where is it, and when will it come?' }],
      })
      await workflow.record('gpt', 'gpt-4o', whole(4_000 + dice() * 30_000), 'tokens')
      await workflow.record('voice_tts', 'openai-tts', whole(500 + dice() * 4_000), 'characters')
      await workflow.record('phone', 'twilio', whole(2 + dice() * 10), 'minutes')
    },
  },
  {
    name: 'language_lesson',
    weight: 4,
    async run(workflow, dice) {
      await workflow.chat({ messages: [{ role: 'user', content: 'Teach me ten words about the harbour.' }] })
      await workflow.record('gpt', 'gpt-4o', whole(8_000 + dice() * 40_000), 'tokens')
      await workflow.record('voice_tts', 'elevenlabs', whole(800 + dice() * 5_000), 'characters')
    },
  },
  {
    name: 'document_summary',
    weight: 4,
    async run(workflow, dice) {
      await workflow.chat({ messages: [{ role: 'user', content: 'Summarise the tenancy agreement in five points.' }] })
      await workflow.record('gpt', 'claude-3-haiku', whole(20_000 + dice() * 150_000), 'tokens')
    },
  },
  {
    name: 'triage',
    weight: 2,
    async run(workflow, dice) {
      await workflow.chat({ messages: [{ role: 'user', content: 'Is this urgent?' }] })
      await workflow.record('gpt', 'gpt-4o-mini', whole(2_000 + dice() * 10_000), 'tokens')
    },
  },
  {
    name: 'receipt_scan',
    weight: 2,
    run: (workflow, dice) => workflow.record('vision', 'gpt-4o', whole(900 + dice() * 9_000), 'tokens').then(() => undefined),
  },
]

/**
 * Makes up thirty days of an account, the same every time but for its ids: real calls to simulated providers, charged by the real ledger.
 *
 * @param perDay  workflows on an ordinary day
 */
export async function seedMonth(box: Farebox, clock: SeedClock, perDay: number): Promise<Seeded> {
  const dice = diceOf(7)
  const now = Date.now()
  const begin = now - 30 * DAY
  clock.at = begin - 3_600_000
  const { ledger } = box
  const { accountId } = await ledger.openAccount({ name: 'Harbour Clinic' })
  await ledger.grant({ accountId, amount: credits(9_000 * perDay), source: 'purchase' })
  await ledger.grant({ accountId, amount: credits(2_500), source: 'promo', expiresAt: now + 12 * DAY, priority: 200 })
  const keys = []
  for (const [name, userId] of [
    ['Reception desk', 'mara'],
    ['Mobile app', 'app'],
    ['Night shift', 'jonas'],
  ] as const) {
    const made = await ledger.createApiKey({
      accountId,
      name,
      userId,
      minimumBalance: credits(0),
      ...(name === 'Mobile app' && {
        services: [{ service: 'gpt' }, { service: 'voice_tts', costLimitPerRequest: credits(50) }],
      }),
    })
    if (made.status !== 'created' || made.secret === undefined) throw new Error('the key was not made')
    const authenticated = await ledger.authenticate(made.secret)
    if (!authenticated) throw new Error('the key is not good')
    keys.push({ ...made, secret: made.secret, authenticated, userId })
  }
  const [first] = keys
  if (!first) throw new Error('there is no key')
  const retired = await ledger.createApiKey({ accountId, name: 'Old website', minimumBalance: credits(0) })
  if (retired.status === 'created') await ledger.revokeApiKey({ accountId, apiKeyId: retired.apiKeyId })
  await ledger.setBudget({ accountId, period: 'month', limit: credits(7_000 * perDay) })
  await ledger.setBudget({ accountId, userId: 'app', period: 'day', limit: credits(100 * perDay), mode: 'warn' })
  await ledger.setBudget({
    accountId,
    apiKeyId: first.apiKeyId,
    service: 'phone',
    period: 'month',
    limit: credits(2_500 * perDay),
  })

  for (let day = 0; day < 30; day++) {
    const isWeekend = [0, 6].includes(new Date(begin + day * DAY).getUTCDay())
    const count = Math.max(1, Math.round(perDay * (isWeekend ? 0.45 : 0.8 + dice() * 0.5) * (0.75 + day / 60)))
    for (let index = 0; index < count; index++) {
      clock.at = Math.max(clock.at + 60_000, begin + day * DAY + Math.floor(((index + dice()) / count) * DAY))
      // The last day ends now.
      clock.at = Math.min(clock.at, now - 90_000)
      const kind = pick(dice)
      const key = keys[Math.floor(dice() ** 1.6 * keys.length)] ?? first
      const workflow = box.workflow({
        accountId,
        name: kind.name,
        apiKey: kind.name === 'support_call' ? first.authenticated : undefined,
        userId: key.userId,
      })
      await kind.run(workflow, dice)
      clock.at += Math.floor(dice() * 240_000)
      await workflow.close()
    }
  }

  clock.at = now - 60_000
  const rescue = box.workflow({ accountId, name: 'emergency_line', apiKey: first.authenticated })
  await rescue.transcribe({ audio: await readFile(question) })
  await rescue.chat({
    messages: [{ role: 'user', content: 'Somebody has fallen on the pier. What do I do first?' }],
    complexity: 'high',
  })
  await rescue.speak({ text: 'Help is on the way. Stay with them, and keep them warm.' })
  await rescue.close()
  const harmful = box.workflow({ accountId, name: XSS, userId: XSS })
  await harmful.record('gpt', 'gpt-4o-mini', whole(1_000), 'tokens')
  await harmful.close()
  clock.at = now - 20_000
  await box.workflow({ accountId, name: 'language_lesson', apiKey: first.authenticated, reserve: credits(40) }).open()

  const other = await ledger.openAccount({ name: 'Quay Street School' })
  await ledger.grant({ accountId: other.accountId, amount: credits(4_321) })
  const otherKey = await ledger.createApiKey({ accountId: other.accountId, name: 'theirs', minimumBalance: credits(0) })
  if (otherKey.status !== 'created' || otherKey.secret === undefined) throw new Error('the key was not made')
  const theirs = box.workflow({ accountId: other.accountId, name: OTHERS_WORKFLOW })
  await theirs.chat({ messages: [{ role: 'user', content: 'hello' }] })
  await theirs.close()
  clock.at = undefined
  return {
    accountId,
    key: first.secret,
    prefix: first.prefix,
    other: { accountId: other.accountId, key: otherKey.secret },
    rescued: rescue.id,
  }
}

/** Each kind as often as it weighs. */
const pool = kinds.flatMap((kind) => Array.from({ length: kind.weight }, () => kind))

function pick(dice: () => number) {
  const kind = pool[Math.floor(dice() * pool.length)]
  if (!kind) throw new Error('there are no kinds')
  return kind
}

function whole(amount: number): Quantity {
  return quantity(String(Math.floor(amount)))
}
