import { z } from 'zod'
import { exportDownload } from './export-download.ts'
import { adminRoute, type Route, readRoute } from './route.ts'
import { adminExportQuery, exportQuery } from './schemas.ts'

const streams = {
  'text/csv': 'With `format` csv or focus',
  'application/x-ndjson': 'With `format` jsonl or cloudevents: an object in each line',
}

/** Routes that export usage and purchases as files. */
export const exportRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/api/v1/export',
    operationId: 'exportAccount',
    tag: 'usage',
    summary: 'Usage or purchases of the account as CSV, FOCUS, JSON lines or CloudEvents',
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
    summary: 'The same of all accounts, or of one, with what providers charge us',
    query: adminExportQuery,
    answer: z.never(),
    isFile: true,
    fails: [404],
    streams,
    handle: ({ query, ...call }) => exportDownload(call, { ...query, accountId: query.account_id, includeCosts: true }),
  }),
]
