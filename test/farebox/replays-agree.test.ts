import { credits, isFareboxError, microCredits, type Service, type Unit } from '@farebox/core'
import { sqlite } from '@farebox/ledger/sqlite'
import { simulated } from '@farebox/providers/simulated'
import { createFarebox, type Farebox, presets, type ServiceConfiguration, type Workflow } from 'farebox'
import { expect, it, onTestFinished } from 'vitest'
import { findSavings } from '../../packages/farebox/src/replay/recommend.ts'
import { Dice } from '../consistency/dice.ts'
import { randomBook } from '../consistency/random-book.ts'
import { openAccount } from './open-box.ts'

const START = Date.UTC(2026, 10, 20, 22)
const HOUR_MS = 3_600_000
const CHATS = ['gpt-4o-mini', 'gpt-4o', 'gpt-4', 'claude-3-haiku'] as const
const VOICES = ['openai-tts', 'elevenlabs', 'cartesia'] as const
const PICTURE =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='

it.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'what is recommended saves what a simulation of it says, and no change changes nothing: seed %i',
  async (seed) => {
    const dice = new Dice(seed)
    let now = START
    const prices = randomBook(dice, START)
    const clock = () => now
    const box = createFarebox({
      // Its clock is moved, as the box's is.
      store: sqlite({ filename: ':memory:', clock }),
      providers: [simulated({ now: clock })],
      configuration: configurationOf(dice),
      prices,
      clock,
      random: () => 0.5,
    })
    onTestFinished(() => box.close())
    await box.migrate()
    const { accountId } = await openAccount(box, { balance: credits(dice.pick([100, 1_000_000])) })
    const opened: number[] = []
    for (let workflows = dice.whole(3, 6); workflows > 0; workflows--) {
      opened.push(now)
      const name = dice.pick(['lesson', 'chat'])
      const workflow = box.workflow({ accountId, name, configuration: configurationOf(dice) })
      for (let calls = dice.whole(1, 6); calls > 0; calls--) {
        await callOf(dice, workflow)
        if (dice.chance(0.4)) await correct(dice, box, { accountId, workflow })
        if (dice.chance(0.3)) now += dice.whole(1, 12 * HOUR_MS)
      }
      await correct(dice, box, { accountId, workflow })
      if (workflow.isOpened && dice.chance(0.7)) await workflow.close()
      now += dice.pick([0, 1, HOUR_MS, 30 * HOUR_MS])
    }
    const whole = { accountId, from: START, to: now + 1 }
    for (const range of [whole, { ...whole, from: opened[1] ?? START, to: (opened[2] ?? now) + 1 }]) {
      const same = await box.simulate({ ...range, changes: {} })
      expect(same.lines.filter(({ difference }) => difference !== 0n)).toEqual([])
      if (range === whole) expect(same.creditsThen).toBe(await dueTo(box, accountId))
      // The book's second version has come after a day.
      if (now < START + 24 * HOUR_MS)
        expect(await box.simulate({ ...range, prices, pricesAt: START })).toMatchObject({ difference: 0n })
      for (const asked of [{}, { service: 'gpt' }, { provider: 'gpt-4' }, { provider: 'elevenlabs' }]) {
        const parts = {
          ledger: box.ledger,
          catalog: box.catalog,
          book: prices,
          classifier: undefined,
          isRetired: () => false,
          now,
        }
        const { savings } = await findSavings(parts, { ...range, ...asked })
        const amounts = savings.map(({ sums }) => sums.saved)
        expect(amounts).toEqual(amounts.toSorted((a, b) => Number(b - a)))
        for (const { workflowName: name, change, sums, mostly } of savings) {
          expect(mostly).toMatchObject({ ...('provider' in asked && { from: asked.provider }), ...('service' in asked && asked) })
          if ('preset' in change.wire) continue
          const { difference } = await box.simulate({ ...range, name, changes: fieldsOf(change.wire) })
          expect(-difference, `${name}: ${JSON.stringify(change.wire)}`).toBe(sums.saved)
          expect(sums.saved).toBeGreaterThan(0n)
        }
      }
    }
  },
)

/** A configuration of chance. Without `accuracyFirst`, which recommendations leave as it is. */
function configurationOf(dice: Dice): ServiceConfiguration {
  const preset = dice.pick([presets.balanced, presets.costOptimized, presets.premiumQuality, presets.emergencyServices])
  return preset({
    accuracyFirst: false,
    ...(dice.chance(0.3) && { primaryAiModel: dice.pick(CHATS) }),
    ...(dice.chance(0.3) && { fallbackAiModel: dice.pick([null, ...CHATS]) }),
    ...(dice.chance(0.4) && { visionModel: dice.pick([null, 'gpt-4o', 'gpt-4o-mini']) }),
    ...(dice.chance(0.3) && { ttsProvider: dice.pick([null, ...VOICES]) }),
    ...(dice.chance(0.2) && { strategy: dice.pick(['balanced', 'lowest_cost', 'highest_quality', 'weighted']) }),
    ...(dice.chance(0.2) && { maxCreditsPerRequest: dice.pick([credits(5), credits(50), credits(500)]) }),
    ...(dice.chance(0.1) && { voiceEnabled: false }),
    ...(dice.chance(0.1) && { qualityMin: 0.75 }),
    ...(dice.chance(0.2) && { lastResort: false }),
  })
}

/** Makes a call of chance. It may be refused. */
async function callOf(dice: Dice, workflow: Workflow): Promise<void> {
  const size = dice.whole(1, 900)
  const elsewhere: [Service, string, Unit][] = [
    ['gpt', dice.pick(['gpt-4o', 'gpt-4', 'gpt-4o-mini']), 'tokens'],
    ['vision', dice.pick(['gpt-4o', 'gpt-4o-mini']), 'tokens'],
    ['voice_stt', dice.pick(['deepgram', 'openai-whisper']), 'seconds'],
    ['voice_tts', dice.pick(VOICES), 'characters'],
    ['phone', 'twilio', 'seconds'],
  ]
  const [service, provider, unit] = dice.pick(elsewhere)
  const calls: (() => Promise<unknown>)[] = [
    () => workflow.chat({ messages: [{ role: 'user', content: 'x'.repeat(size) }], outputTokensMax: 50 }),
    () => workflow.see({ prompt: 'What is this?', images: [PICTURE] }),
    () => workflow.speak({ text: 'x'.repeat(size) }),
    () => workflow.embed({ inputs: ['x'.repeat(size)] }),
    () => workflow.record(service, provider, size, unit),
    () => workflow.record(service, provider, size, unit),
    () => workflow.record('phone', 'twilio', size, 'seconds', { call: 'sliced' }),
  ]
  try {
    await dice.pick(calls)()
  } catch (error) {
    if (!isFareboxError(error)) throw error
  }
}

/** Refunds or corrects some of what a workflow was charged, by chance. */
async function correct(
  dice: Dice,
  box: Farebox,
  { accountId, workflow }: { accountId: string; workflow: Workflow },
): Promise<void> {
  const records = workflow.isOpened ? await box.ledger.usageOf(accountId, workflow.id) : []
  const charged = records.filter((record) => record.charged > 1n && record.corrects === null)
  if (charged.length === 0 || dice.chance(0.4)) return
  const { usageId, charged: amount } = dice.pick(charged)
  const corrections = [
    () => box.ledger.refund({ accountId, usageId }),
    () => box.ledger.refund({ accountId, usageId, amount: microCredits(amount / 2n) }),
    () => box.ledger.adjust({ accountId, usageId, charge: credits(dice.whole(0, 30)) }),
  ]
  await dice.pick(corrections)()
}

async function dueTo(box: Farebox, accountId: string): Promise<bigint> {
  let due = 0n
  for await (const page of box.ledger.history.usage({ accountId }))
    for (const { charged, shortfall } of page) due += charged + shortfall
  return due
}

/** Fields of a configuration, as the API names them, as the library does. */
function fieldsOf(change: Readonly<Record<string, unknown>>): Partial<ServiceConfiguration> {
  return Object.fromEntries(
    Object.entries(change).map(([name, value]) => [name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()), value]),
  )
}

it.each([7, 8, 9, 11, 12, 13])(
  'slices of calls in several units come to what they were charged under the same prices: seed %i',
  async (seed) => {
    const dice = new Dice(seed)
    const prices = randomBook(dice, START)
    const clock = () => START
    const box = createFarebox({
      store: sqlite({ filename: ':memory:', clock }),
      providers: [simulated({ now: clock })],
      prices,
      clock,
    })
    onTestFinished(() => box.close())
    await box.migrate()
    const { accountId } = await openAccount(box, { balance: credits(1_000_000) })
    const workflow = box.workflow({ accountId, name: 'mixed' })
    for (let slices = 0; slices < 20; slices++) {
      const [service, provider] = dice.pick([['phone', 'twilio'] as const, ['voice_stt', 'deepgram'] as const])
      const [units, unit] = dice.pick([
        [dice.whole(0, 90), 'seconds'] as const,
        [String(dice.whole(0, 300) / 100), 'minutes'] as const,
      ])
      await workflow.record(service, provider, units, unit, { call: dice.pick(['a', 'b', undefined]) })
    }
    await workflow.close()
    const { creditsThen, creditsNow, notReplayed } = await box.simulate({ from: 0, to: START + 1, prices, pricesAt: START })
    expect([creditsNow, notReplayed]).toEqual([creditsThen, []])
  },
)
