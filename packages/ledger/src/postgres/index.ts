export type { PostgresClient, PostgresPool } from './client.ts'
export { type PostgresOptions, postgres } from './driver.ts'
