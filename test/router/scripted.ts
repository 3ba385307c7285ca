import { credits, type Offer, type ProviderAdapter, ProviderError, type ProviderErrorKind, type Usage } from '@farebox/core'
import { type Candidate, createHealth, type Health, type Operation, type Route } from '@farebox/router'

/** A candidate of a route: its provider, and the adapter that sells it. */
export interface Scripted {
  provider: string
  /** @defaultValue the provider's name */
  adapter?: string
  contextTokens?: number
}

/** A route over candidates in the given order, whose health keys are the names of their providers. */
export function routeOf(candidates: readonly (Scripted | string)[], operation: Operation = 'chat'): Route {
  return {
    status: 'planned',
    service: 'gpt',
    operation,
    candidates: candidates.map((one, position) => candidateOf(typeof one === 'string' ? { provider: one } : one, position)),
    rejected: [],
    strategy: 'configured',
    notOffered: [],
    hold: credits(1),
  }
}

/** A provider's failure. */
export function failure(
  kind: ProviderErrorKind,
  facts: { retryAfterMs?: number; usage?: Usage; status?: number } = {},
): ProviderError {
  return new ProviderError(kind, { provider: 'test', kind, ...facts })
}

/** A signal that knows how many listen to it. */
export function countedSignal(): { signal: AbortSignal; abort: () => void; listeners: () => number } {
  const controller = new AbortController()
  const { signal } = controller
  let listeners = 0
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
  const heard = new Set<unknown>()
  signal.addEventListener = (...parameters: Parameters<typeof add>) => {
    if (!heard.has(parameters[1])) listeners += 1
    heard.add(parameters[1])
    add(...parameters)
  }
  signal.removeEventListener = (...parameters: Parameters<typeof remove>) => {
    if (heard.delete(parameters[1])) listeners -= 1
    remove(...parameters)
  }
  return { signal, abort: () => controller.abort(), listeners: () => listeners }
}

/** Health that counts the attempts it was told the beginning of, and not yet the end. */
export function countedHealth(): { health: Health; open: () => number } {
  const health = createHealth()
  let open = 0
  return {
    open: () => open,
    health: {
      ...health,
      begin(healthKey, isForced) {
        const isBegun = health.begin(healthKey, isForced)
        if (isBegun) open += 1
        return isBegun
      },
      record(healthKey, observation) {
        if (observation.outcome !== 'answering') open -= 1
        if (open < 0) throw new Error(`${healthKey} ended more often than it began`)
        health.record(healthKey, observation)
      },
    },
  }
}

function candidateOf({ provider, adapter: name = provider, contextTokens }: Scripted, position: number): Candidate {
  const offer: Offer = { service: 'gpt', provider, model: provider, capabilities: { contextTokens }, quality: 1, latencyMs: 1 }
  const adapter: ProviderAdapter = { name, isSimulated: false, availability: { status: 'ready' }, offers: [offer] }
  return {
    offer,
    adapter,
    entry: { offer, adapter, healthKey: provider, position },
    chargeExpected: credits(1),
    chargeCeiling: credits(1),
    cost: undefined,
    latencyMs: 1,
    score: 1,
    rank: position,
    condition: 'ok',
    why: '',
  }
}
