import { providerStatus } from '../provider-status.ts'
import { anyKeyRoute, type Route } from './route.ts'

export const statusRoutes: readonly Route[] = [
  anyKeyRoute({
    method: 'get',
    path: '/api/v1/status',
    summary: 'How the providers are doing, as routing knows it',
    handle: ({ box }) => providerStatus(box),
  }),
]
