import { z } from 'zod'
import { boxGauges } from '../telemetry/box-gauges.ts'
import { metricsText } from '../telemetry/metric-family.ts'
import { health, readiness } from './answers.ts'
import { publicRoute, type Route } from './route.ts'

/** Routes for operators' tools. The router adds `/openapi.json`. Clients have no methods for that one and `/metrics`. */
export const operationRoutes: readonly Route[] = [
  publicRoute({
    method: 'get',
    path: '/healthz',
    operationId: 'getHealth',
    tag: 'operations',
    summary: 'Check whether the process answers',
    answer: health,
    handle: () => ({ status: 'ok' as const }),
  }),

  publicRoute({
    method: 'get',
    path: '/readyz',
    operationId: 'getReadiness',
    tag: 'operations',
    summary: 'Check whether the store answers and accepts writes, and which providers are ready',
    answer: readiness,
    async handle({ box, isAdmin }) {
      await box.ledger.ping()
      return {
        status: 'ok' as const,
        providers: box.providers.map(({ name, isSimulated, availability }) => ({
          name,
          simulated: isSimulated,
          status: availability.status,
          // This route is public, and a reason such as "Set OPENAI_API_KEY" is only for the operator.
          ...(isAdmin && availability.status === 'disabled' && { reason: availability.reason }),
        })),
      }
    },
  }),

  publicRoute({
    method: 'get',
    path: '/metrics',
    operationId: 'getMetrics',
    tag: 'operations',
    summary: 'Get metrics for Prometheus: calls, attempts, credits, providers and queues',
    answer: z.never(),
    streams: { 'text/plain': 'Prometheus text format, version 0.0.4' },
    async handle({ box }) {
      const text = metricsText([...box.metrics.families(), ...(await boxGauges(box))])
      return new Response(text, { headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' } })
    },
  }),
]
