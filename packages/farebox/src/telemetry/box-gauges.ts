import type { ProviderAdapter } from '@farebox/core'
import type { Ledger, QueueStats } from '@farebox/ledger'
import type { Catalog, Concurrency, HealthCondition, HealthView } from '@farebox/router'
import { gauge } from './instruments.ts'
import type { MetricFamily, Sample } from './metric-family.ts'

/** The parts of a Farebox that are read when metrics are requested. */
export interface GaugedBox {
  ledger: Ledger
  catalog: Catalog
  providers: readonly ProviderAdapter[]
  health: HealthView
  concurrency: Concurrency
}

const CONDITIONS: readonly HealthCondition[] = ['ok', 'probe', 'rate_limited', 'refusing', 'sick']
/** How long to wait for the database: metrics must be readable even if it does not answer. */
const STORE_WAIT_MS = 2_000

/** Reads the current state of the providers, the ledger and their queues. */
export async function boxGauges(box: GaugedBox): Promise<MetricFamily[]> {
  return [
    ...providerGauges(box),
    ...concurrencyGauges(box),
    ...queueFamilies(box.ledger.queueStats()),
    ...(await storeGauges(box)),
  ]
}

function providerGauges({ providers, catalog, health }: GaugedBox): MetricFamily[] {
  const ready = providers.map(({ name, availability, isSimulated }) => ({
    labels: [
      ['provider', name],
      ['simulated', String(isSimulated)],
    ] as const,
    value: availability.status === 'ready' ? 1 : 0,
  }))
  const conditions: Sample[] = []
  const inFlight: Sample[] = []
  const inFlightMax: Sample[] = []
  const perMinuteMax: Sample[] = []
  const errorRate: Sample[] = []
  for (const { adapter, offer, healthKey } of catalog.services.flatMap((service) => catalog.forService(service))) {
    const reading = health.read(healthKey)
    const labels = [
      ['adapter', adapter.name],
      ['service', offer.service],
      ['provider', offer.provider],
      ['model', offer.model],
    ] as const
    for (const condition of CONDITIONS) {
      const value = condition === (reading?.condition ?? 'ok') ? 1 : 0
      conditions.push({ labels: [...labels, ['condition', condition]], value })
    }
    const measured = (samples: Sample[], value: number | undefined) => {
      if (value !== undefined) samples.push({ labels, value })
    }
    measured(inFlight, reading?.inFlight)
    measured(inFlightMax, reading?.inFlightMax)
    measured(perMinuteMax, reading?.perMinuteMax)
    measured(errorRate, reading?.errorRate)
  }
  return [
    gauge('farebox_provider_ready', 'Whether a provider accepts calls.', ready),
    gauge(
      'farebox_provider_condition',
      'The condition of an offer: 1 for the current one. sick means that its circuit breaker is open.',
      conditions,
    ),
    gauge('farebox_provider_in_flight', 'Attempts of this process that are under way.', inFlight),
    gauge('farebox_provider_in_flight_max', 'The number of attempts that an offer was found to accept at once.', inFlightMax),
    gauge(
      'farebox_provider_per_minute_max',
      'The number of attempts that an offer was found to accept per minute.',
      perMinuteMax,
    ),
    gauge(
      'farebox_provider_error_rate',
      'The share of failures that were the provider’s fault. Older failures count less.',
      errorRate,
    ),
  ]
}

function concurrencyGauges({ concurrency }: GaugedBox): MetricFamily[] {
  const stats = concurrency.stats()
  const samples = (value: 'limit' | 'running' | 'waiting') =>
    stats.map((stat) => ({ labels: [['adapter', stat.adapter]] as const, value: stat[value] }))
  return [
    gauge('farebox_concurrency_limit', 'The number of attempts that may run at an adapter at once.', samples('limit')),
    gauge('farebox_concurrency_running', 'Attempts that are running at an adapter.', samples('running')),
    gauge('farebox_concurrency_waiting', 'Attempts that wait until an adapter has room.', samples('waiting')),
  ]
}

/**
 * How long changes wait for the ledger's database. Wait seconds ÷ changes is the mean wait, changes ÷ transactions the mean
 * batch.
 */
function queueFamilies(queue: QueueStats): MetricFamily[] {
  const family = (name: string, type: 'counter' | 'gauge', help: string, value: number | string): MetricFamily => {
    return { name: `farebox_ledger_${name}`, type, help, samples: [{ labels: [], value }] }
  }
  const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(6)
  return [
    family('waiting', 'gauge', 'Changes that wait for a transaction.', queue.waiting),
    family(
      'changes_total',
      'counter',
      'Changes in transactions that have ended. A change that was retried alone counts twice.',
      queue.operations,
    ),
    family('transactions_total', 'counter', 'Transactions that have ended.', queue.batches),
    family('failed_transactions_total', 'counter', 'Transactions that failed.', queue.failedBatches),
    family('wait_seconds_total', 'counter', 'Time for which changes waited for their transaction.', seconds(queue.waitMsSum)),
    family('transaction_seconds_total', 'counter', 'Time that transactions took.', seconds(queue.durationMsSum)),
  ]
}

/** The readings under way. */
const readingOf = new WeakMap<Ledger, Promise<MetricFamily[]>>()

/** Reads the database once for all who ask meanwhile: metrics need no key, and a count of many events takes milliseconds. */
function storeGauges({ ledger }: GaugedBox): Promise<MetricFamily[]> {
  const reading = readingOf.get(ledger) ?? readStore(ledger).finally(() => readingOf.delete(ledger))
  readingOf.set(ledger, reading)
  return reading
}

/** Counts waiting events and spooled usage. Without the database they are unknown, and `farebox_store_up` is 0. */
async function readStore(ledger: Ledger): Promise<MetricFamily[]> {
  const one = (name: string, help: string, value: number | undefined) =>
    gauge(name, help, value === undefined ? [] : [{ labels: [], value }])
  const isUp = ledger.ping().then(() => true)
  const [up, events, spooled] = await Promise.all([soon(isUp), soon(ledger.eventCounts()), soon(ledger.spooled())])
  return [
    one('farebox_store_up', 'Whether the database answers and accepts writes.', up && events ? 1 : 0),
    one('farebox_outbox_waiting', 'Events that are still to be delivered.', events?.waiting),
    one('farebox_outbox_given_up', 'Events that could not be delivered and are no longer retried.', events?.givenUp),
    one('farebox_spool_waiting', 'Usage records that wait on disk until the database is back.', spooled),
  ]
}

function soon<T>(work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, STORE_WAIT_MS, undefined)
    timer.unref()
    work.then(resolve, () => resolve(undefined)).finally(() => clearTimeout(timer))
  })
}
