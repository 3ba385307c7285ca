import type { ProviderAdapter } from '@farebox/core'
import { createCatalog, type HealthReading } from '@farebox/router'
import { expect, it } from 'vitest'
import { boxGauges, type GaugedBox } from './box-gauges.ts'
import { metricsText } from './metric-family.ts'

/** The lines of the page about a box whose every figure is another number. */
async function linesOf({ reading, ...ledger }: { reading?: HealthReading } & Partial<GaugedBox['ledger']> = {}) {
  const offer = { service: 'voice_stt', provider: 'deepgram', model: 'nova-3', capabilities: {}, quality: 0.9, latencyMs: 400 }
  const provider: ProviderAdapter = { name: 'ears', isSimulated: false, availability: { status: 'ready' }, offers: [offer] }
  const box = {
    providers: [provider],
    catalog: createCatalog([provider]),
    health: { read: () => reading },
    concurrency: { stats: () => [{ adapter: 'simulated', limit: 9, running: 8, waiting: 5 }] },
    ledger: {
      queueStats: () => ({
        waiting: 3,
        underWay: 1,
        batches: 40,
        failedBatches: 2,
        operations: 100,
        waitMsSum: 1_500,
        waitMsMax: 70,
        durationMsSum: 2_250,
      }),
      ping: async () => undefined,
      eventCounts: async () => ({ waiting: 6, givenUp: 4 }),
      spooled: async () => 7,
      ...ledger,
    },
  }
  const text = metricsText(await boxGauges(box as unknown as GaugedBox))
  return text
    .split('\n')
    .map((line) => line.replace(/\{.*?(?:condition="(\w+)")?\}/, (_, condition = '') => condition && `:${condition}`))
}

it('each figure of the page is the one that its name says, in its unit', async () => {
  const lines = await linesOf({
    reading: {
      condition: 'rate_limited',
      answerMs: 400,
      firstEventMs: 100,
      errorRate: 0.25,
      rateLimitedRate: 0.5,
      samples: 20,
      inFlight: 11,
      inFlightMax: 12,
      perMinuteMax: 13,
    },
  })
  expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
    'farebox_provider_ready 1',
    'farebox_provider_condition:ok 0',
    'farebox_provider_condition:probe 0',
    'farebox_provider_condition:rate_limited 1',
    'farebox_provider_condition:refusing 0',
    'farebox_provider_condition:sick 0',
    'farebox_provider_in_flight 11',
    'farebox_provider_in_flight_max 12',
    'farebox_provider_per_minute_max 13',
    'farebox_provider_error_rate 0.25',
    'farebox_concurrency_limit 9',
    'farebox_concurrency_running 8',
    'farebox_concurrency_waiting 5',
    'farebox_ledger_waiting 3',
    'farebox_ledger_changes_total 100',
    'farebox_ledger_transactions_total 40',
    'farebox_ledger_failed_transactions_total 2',
    'farebox_ledger_wait_seconds_total 1.500000',
    'farebox_ledger_transaction_seconds_total 2.250000',
    'farebox_store_up 1',
    'farebox_outbox_waiting 6',
    'farebox_outbox_given_up 4',
    'farebox_spool_waiting 7',
  ])
})

it('an offer that nobody has called yet is well, and has no figures', async () => {
  const lines = await linesOf()
  expect(lines.filter((line) => /^farebox_provider_condition:.* 1$/.test(line))).toEqual(['farebox_provider_condition:ok 1'])
  expect(lines.filter((line) => /^farebox_provider_(in_flight|per_minute|error)/.test(line))).toEqual([])
})

it('a database that takes no writes is not up, though it can be read, nor is one that cannot be read', async () => {
  const fail = () => Promise.reject(new Error('the disk is full'))
  expect(await linesOf({ ping: fail })).toEqual(expect.arrayContaining(['farebox_store_up 0', 'farebox_outbox_waiting 6']))
  expect(await linesOf({ eventCounts: fail })).toContain('farebox_store_up 0')
})
