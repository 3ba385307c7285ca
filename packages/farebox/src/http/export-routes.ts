import { exportDownload } from './export-download.ts'
import { accountRoute, adminRoute, type Route } from './route.ts'
import { adminExportQuery, exportQuery } from './schemas.ts'

/** Usage and purchases as files. */
export const exportRoutes: readonly Route[] = [
  accountRoute({
    method: 'get',
    path: '/api/v1/export',
    summary: 'Usage or purchases of the account as CSV, FOCUS, JSON lines or CloudEvents',
    query: exportQuery,
    handle: ({ query, key, ...call }) => exportDownload(call, { ...query, accountId: key.accountId }),
  }),

  adminRoute({
    method: 'get',
    path: '/api/v1/admin/export',
    summary: 'The same of any account, or of all, with what providers charge us',
    query: adminExportQuery,
    handle: ({ query, ...call }) => exportDownload(call, { ...query, accountId: query.account_id, includeCosts: true }),
  }),
]
