import { z } from 'zod'
import { exportDownload } from './export-download.ts'
import { adminRoute, type Route, readRoute } from './route.ts'
import { adminExportQuery, exportQuery } from './schemas.ts'

const streams = {
  'text/csv': 'If `format` is csv or focus',
  'application/x-ndjson': 'If `format` is jsonl or cloudevents: one object per line',
}

/** Routes that export usage and purchases as files. */
export const exportRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/api/v1/export',
    operationId: 'exportAccount',
    tag: 'usage',
    summary: 'Export the usage or purchases of the account as CSV, FOCUS, JSON Lines or CloudEvents',
    query: exportQuery,
    answer: z.never(),
    isFile: true,
    streams,
    handle: ({ query, accountId, key, ...call }) =>
      exportDownload(call, { ...query, accountId, includeCosts: key === undefined }),
  }),

  adminRoute({
    method: 'get',
    path: '/api/v1/admin/export',
    operationId: 'exportAll',
    tag: 'admin',
    summary: 'Export the usage or purchases of one account or all, including what providers charge',
    query: adminExportQuery,
    answer: z.never(),
    isFile: true,
    fails: [404],
    streams,
    handle: ({ query, ...call }) => exportDownload(call, { ...query, accountId: query.account_id, includeCosts: true }),
  }),
]
