import type { Offer, ProviderAdapter } from '@farebox/core'
import { simulated, simulatedOffers } from '@farebox/providers/simulated'
import type { PriceBook } from 'farebox'
import { checkDefaults } from './check-defaults.ts'
import { type Environment, isSet, SetupError } from './environment.ts'
import { type RealAdapters, realAdapters } from './real-adapters.ts'

export interface Providers {
  adapters: ProviderAdapter[]
  /** Twilio, and the URL to which it reports the status of calls; absent if it does not report. */
  callbacks?: { twilio: RealAdapters['twilio']; url: string }
  /** Whether a real provider keeps records to reconcile with. */
  keepsRecords: boolean
  /** Lines to print for the operator. */
  notes: string[]
}

/**
 * Chooses the providers: all real ones and, if simulation is allowed, a simulated one for every service that none with a key
 * serves.
 *
 * @param prices  the prices; an offer without one is not sold, and so not served
 * @throws {SetupError} in production, no real provider is ready and simulation is not set; or no adapter knows a default provider
 */
export function chooseProviders(environment: Environment, prices: PriceBook): Providers {
  const hasPrice = ({ service, provider, model }: Offer) =>
    prices.lookUp({ service, provider, model, at: Date.now() }) !== undefined
  const servedBy = (adapter: ProviderAdapter) =>
    services(adapter.offers.filter((offer) => canDo(adapter, offer) && hasPrice(offer)))
  const real = realAdapters(environment)
  checkDefaults(environment, [...real.all.flatMap(({ offers }) => offers), ...simulatedOffers])
  const ready = real.all.filter(({ availability }) => availability.status === 'ready')
  const served = new Set(ready.flatMap(servedBy))
  const missing = services(simulatedOffers.filter(hasPrice)).filter((service) => !served.has(service))

  const isProduction = environment.NODE_ENV === 'production'
  const mayHide = environment.FAREBOX_SIMULATED === undefined ? !isProduction : isSet(environment.FAREBOX_SIMULATED)
  if (!mayHide && served.size === 0) {
    throw new SetupError(
      'no provider has a key, and simulated providers are not used in production: set one, such as OPENAI_API_KEY, or FAREBOX_SIMULATED=true to simulate',
    )
  }
  const adapters: ProviderAdapter[] = [...real.all]
  if (mayHide && missing.length > 0) adapters.push(simulated({ services: missing }))
  const { twilio, statusCallbackUrl: url } = real
  const recording = ready.filter(({ records }) => records).map(({ name }) => name)
  return {
    adapters,
    ...(url && { callbacks: { twilio, url } }),
    keepsRecords: recording.length > 0,
    notes: [
      ...real.all.map((adapter) => adapterNote(adapter, servedBy(adapter), { ...real, from: environment.TWILIO_FROM })),
      ...(missing.length > 0 ? [`${mayHide ? 'simulated ' : 'not served'} ${missing.join(', ')}`] : []),
      ...unpricedNote(ready.flatMap(({ offers }) => offers).filter((offer) => !hasPrice(offer))),
      ...(recording.length > 0
        ? [`records    of ${recording.join(', ')}: compared with ours every ${environment.FAREBOX_RECONCILE_SECONDS} seconds`]
        : []),
    ],
  }
}

/** The adapter method that each service needs, over the gateway's routes or from your own code. */
const METHODS: Readonly<Record<string, keyof ProviderAdapter>> = {
  gpt: 'chat',
  vision: 'chat',
  voice_stt: 'transcribe',
  voice_tts: 'speak',
  phone: 'call',
  realtime: 'converse',
  embedding: 'embed',
}

function canDo(adapter: ProviderAdapter, { service }: Offer): boolean {
  return adapter[METHODS[service] ?? 'chat'] !== undefined
}

function services(offers: readonly Offer[]): string[] {
  return [...new Set(offers.map(({ service }) => service))]
}

function adapterNote(
  adapter: ProviderAdapter,
  served: readonly string[],
  { twilio, statusCallbackUrl, from }: RealAdapters & { from: string | undefined },
): string {
  const { name, availability } = adapter
  if (availability.status !== 'ready') return `off        ${name}: ${availability.reason}`
  if (!adapter.offers.some((offer) => canDo(adapter, offer))) {
    return `real       ${name}: for code of your own, no call is routed to it`
  }
  const note = `real       ${name}: ${served.join(', ')}`
  if (adapter !== twilio) return note
  const caller = from ? `from ${from}` : 'each call says from which number, or set TWILIO_FROM'
  const told = statusCallbackUrl
    ? `told of calls at ${withoutPassword(statusCallbackUrl)}`
    : 'set FAREBOX_PUBLIC_URL to be told of calls'
  return [note, caller, told].join('; ')
}

/** Twilio accepts a name and a password in the URL, for a proxy that asks for them. They do not belong in a log. */
function withoutPassword(url: string): string {
  const shown = new URL(url)
  shown.username = ''
  shown.password = ''
  return shown.href
}

/** Lists the offers that have no price. They are not sold, because Farebox never charges an unknown price. */
function unpricedNote(unpriced: readonly Offer[]): string[] {
  if (unpriced.length === 0) return []
  const lists = services(unpriced).map((service) => {
    const names = new Set(unpriced.filter((offer) => offer.service === service).map(({ provider }) => provider))
    return `${service} by ${[...names].join(', ')}`
  })
  const remedy = 'set FAREBOX_CREDIT_USD and FAREBOX_MARKUP_PERCENT, or make a price book with applyMarkup'
  return [`no price   ${lists.join('; ')}: not sold; ${remedy}`]
}
