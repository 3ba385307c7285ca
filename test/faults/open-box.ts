import { postgres } from '@farebox/ledger/postgres'
import { sqlite } from '@farebox/ledger/sqlite'
import { createFarebox, defaultPriceBook, type Farebox, type FareboxOptions, PriceBook, presets } from 'farebox'
import { type Addresses, openAdapters } from './providers.ts'

/** Where the bench keeps its ledger: a file, or a `postgres://` address. */
export type Store = string

/** The default book, with prices for what it leaves to teams. */
export const prices = new PriceBook({
  name: 'bench',
  currency: 'credits',
  versions: [
    {
      version: '1',
      effective_from: '2025-01-01T00:00:00Z',
      entries: [
        ...(defaultPriceBook.document.versions[0]?.entries ?? []),
        { service: 'embedding', provider: 'text-embedding-3-small', rates: [{ unit: 'tokens', amount: '2', per: '1000' }] },
        { service: 'realtime', provider: 'gpt-realtime', rates: [{ unit: 'tokens', amount: '40', per: '1000' }] },
      ],
    },
  ],
})

/** Opens a Farebox as an app would, in a hurry: what takes longer than half a second is given up. */
export function openBox(store: Store, addresses: Addresses, options: Partial<FareboxOptions> = {}): Farebox {
  const clock = options.clock
  return createFarebox({
    store: store.startsWith('postgres') ? postgres({ connectionString: store, clock }) : sqlite({ filename: store, clock }),
    providers: openAdapters(addresses),
    prices,
    configuration: presets.balanced({
      primaryAiModel: 'gpt-4o-mini',
      fallbackAiModel: 'claude-3-haiku',
      sttProvider: 'deepgram',
      ttsProvider: 'openai-tts',
      fallbackProviders: { voice_stt: ['openai-whisper'], voice_tts: ['elevenlabs', 'cartesia'] },
    }),
    deadlines: { totalMs: 3_000, attemptMs: 500, firstEventMs: 500, betweenEventsMs: 400 },
    liveDeadlines: { totalMs: 5_000, firstEventMs: 500, betweenEventsMs: 600 },
    retries: { backoffMs: 20, backoffMsMax: 100, waitMsMax: 200 },
    hedge: { afterMs: 200, share: 0.1 },
    ...options,
  })
}
