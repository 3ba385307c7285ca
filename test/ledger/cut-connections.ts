import type pg from 'pg'
import { expect } from 'vitest'

/**
 * Tells the server to cut every connection to a database but the one that asks. Each of its processes ends in its own time, and until then may take
 * what it is asked and never answer it.
 *
 * @returns resolves when they have ended
 */
export async function cutConnections(client: pg.Client | pg.Pool): Promise<() => Promise<void>> {
  const { rows } = await client.query(
    'SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  )
  const pids = rows.map(({ pid }) => pid)
  const left = async () => (await client.query('SELECT pid FROM pg_stat_activity WHERE pid = ANY($1)', [pids])).rows
  return () => expect.poll(left).toEqual([])
}
