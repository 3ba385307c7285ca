import { type Credits, credits, type ProviderAdapter, type ProviderErrorKind } from '@farebox/core'
import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import type { PriceBook } from '@farebox/pricing'
import { type SimulatedCall, type SimulatedFailure, simulated } from '@farebox/providers/simulated'
import { createFarebox, type Farebox, type FareboxOptions, presets } from 'farebox'
import { Dice } from './dice.ts'
import { randomBook } from './random-book.ts'

/** What all processes of a run agree on: where the ledger is, and what follows from the seed. */
export interface Setup {
  /** A file of SQLite's, or a `postgres://` address. */
  store: string
  seed: number
  /** Where usage records are delivered to. */
  receiver: string
}

export const START = Date.UTC(2026, 10, 20, 22)

/** What a run's seed decides about its boxes. */
export interface Terms {
  book: PriceBook
  failureShare: number
  failedAttempts: 'ours' | 'charged'
  options: Partial<FareboxOptions>
}

export function termsOf({ seed }: Setup): Terms {
  const dice = new Dice(seed)
  const book = randomBook(dice, START)
  const preset = dice.pick([presets.balanced, presets.costOptimized, presets.premiumQuality, presets.emergencyServices])
  return {
    book,
    failureShare: dice.pick([0, 0.1, 0.3]),
    failedAttempts: dice.pick(['ours', 'ours', 'charged']),
    options: {
      configuration: preset({
        maxCreditsPerRequest: dice.pick<Credits | null>([null, credits(500)]),
        phoneEnabled: true,
        voiceEnabled: true,
        visionEnabled: true,
      }),
      ...(dice.chance(0.3) && { hedge: { afterMs: 1, share: 1, burst: 100 } }),
    },
  }
}

/** Opens a box of a run, over providers that fail by chance and a clock that only the run moves. */
export function openBox(
  setup: Setup,
  clock: () => number,
  options: Pick<FareboxOptions, 'providers' | 'onError' | 'telemetry'>,
): Farebox {
  const { book, failedAttempts, options: own } = termsOf(setup)
  return createFarebox({
    store: setup.store.startsWith('postgres')
      ? postgres({ connectionString: setup.store, clock })
      : sqlite({ filename: setup.store, clock }),
    prices: book,
    failedAttempts,
    clock,
    retries: { triesMax: 2, backoffMs: 1, backoffMsMax: 2, waitMsMax: 5 },
    deadlines: { totalMs: 2_000, attemptMs: 500, firstEventMs: 300, betweenEventsMs: 200 },
    liveDeadlines: { totalMs: 5_000, betweenEventsMs: 500 },
    drainMs: 50,
    minimumCreditsForApiKey: credits(0),
    closedWorkflowEvents: true,
    ...own,
    ...options,
  })
}

const KINDS: readonly ProviderErrorKind[] = [
  'rate_limited',
  'overloaded',
  'unavailable',
  'network',
  'timeout',
  'incomplete',
  'authentication',
  'quota_exhausted',
  'content_policy',
  'invalid_request',
  'malformed',
]

/** Two adapters. Opened apart from their box, they outlive it, as providers do. */
export function openAdapters(setup: Setup, dice: Dice, now: () => number): ProviderAdapter[] {
  const { failureShare } = termsOf(setup)
  const failures = ({ offer }: SimulatedCall): SimulatedFailure | undefined => {
    if (!dice.chance(failureShare)) return dice.chance(0.03) ? { kind: 'unreported_usage' } : undefined
    if (offer.service === 'phone' && dice.chance(0.4)) return { kind: 'outcome_unknown' }
    if (dice.chance(0.1)) return { kind: 'unreported_usage' }
    if (dice.chance(0.05)) return { kind: 'stall', afterParts: dice.whole(0, 3) }
    return { kind: dice.pick(KINDS), afterParts: dice.whole(0, 4) }
  }
  const latencyMs = dice.pick([0, { median: 1, p95: 4 }])
  const common = { failures, latencyMs, betweenPartsMs: latencyMs, now }
  return [
    simulated({
      name: 'one',
      seed: 1,
      ...common,
      priceDelayMs: 0,
      services: ['gpt', 'vision', 'voice_stt', 'voice_tts', 'embedding', 'realtime', 'phone'],
    }),
    simulated({ name: 'two', seed: 2, ...common, services: ['gpt', 'voice_stt', 'voice_tts'] }),
  ]
}
