export type { PostgresClient, PostgresPool } from './client.ts'
export { type PostgresOptions, postgres } from './driver.ts'
export { type PostgresBalancesOptions, readPostgresBalances } from './read-balances.ts'
