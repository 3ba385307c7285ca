import { publicRoute, type Route } from './route.ts'

/** What operators' tools ask. `/openapi.json` is added by the router, which knows all routes. */
export const operationRoutes: readonly Route[] = [
  publicRoute({ method: 'get', path: '/healthz', summary: 'Whether the process answers', handle: () => ({ status: 'ok' }) }),

  publicRoute({
    method: 'get',
    path: '/readyz',
    summary: 'Whether the store answers, and which providers are ready',
    async handle({ box }) {
      await box.ledger.ping()
      return {
        status: 'ok',
        providers: box.providers.map(({ name, isSimulated, availability }) => ({
          name,
          simulated: isSimulated,
          ...availability,
        })),
      }
    },
  }),
]
