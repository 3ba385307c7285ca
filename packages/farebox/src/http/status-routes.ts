import { providerStatus } from '../provider-status.ts'
import { anyKeyRoute, type Route } from './route.ts'
import { providerStatusAnswer } from './routing-answers.ts'

export const statusRoutes: readonly Route[] = [
  anyKeyRoute({
    method: 'get',
    path: '/api/v1/status',
    operationId: 'getStatus',
    tag: 'operations',
    summary: 'Get the health of the providers, as routing sees it',
    answer: providerStatusAnswer,
    handle: ({ box, isAdmin }) => providerStatus(box, { isOperator: isAdmin }),
  }),
]
