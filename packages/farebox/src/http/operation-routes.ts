import { health, readiness } from './answers.ts'
import { publicRoute, type Route } from './route.ts'

/** What operators' tools ask. `/openapi.json` is added by the router, which knows all routes. */
export const operationRoutes: readonly Route[] = [
  publicRoute({
    method: 'get',
    path: '/healthz',
    operationId: 'getHealth',
    tag: 'operations',
    summary: 'Whether the process answers',
    answer: health,
    handle: () => ({ status: 'ok' as const }),
  }),

  publicRoute({
    method: 'get',
    path: '/readyz',
    operationId: 'getReadiness',
    tag: 'operations',
    summary: 'Whether the store answers, and which providers are ready',
    answer: readiness,
    async handle({ box, isAdmin }) {
      await box.ledger.ping()
      return {
        status: 'ok' as const,
        providers: box.providers.map(({ name, isSimulated, availability }) => ({
          name,
          simulated: isSimulated,
          status: availability.status,
          // "Set OPENAI_API_KEY" is for who could: anybody may ask this.
          ...(isAdmin && availability.status === 'disabled' && { reason: availability.reason }),
        })),
      }
    },
  }),
]
