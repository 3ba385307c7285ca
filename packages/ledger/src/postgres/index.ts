export { type PostgresClient, type PostgresOptions, type PostgresPool, postgres } from './driver.ts'
