/**
 * A number in SQL, of exactly the type of a column of integers. Postgres has no `%` of a 64-bit and a shorter integer, so it would
 * look for the closest one, and prefer an operator that somebody else has made in a schema of the search path.
 */
export function bigint(value: number | bigint): string {
  return `CAST(${value} AS BIGINT)`
}

/** A number in SQL, of exactly the type of a sum of integers. SQLite keeps it an integer. */
export function numeric(value: number | bigint): string {
  return `CAST(${value} AS NUMERIC)`
}
