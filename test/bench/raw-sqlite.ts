import Database from 'better-sqlite3'

/**
 * Raw better-sqlite3 transactions, one at a time and durable: a conditional UPDATE of the balance and an INSERT of the hold, which
 * is what a ledger without group commit would do at least. Returns transactions per second.
 */
export function oneAtATime(filename: string, operations: number): number {
  const database = new Database(filename)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec(
    'CREATE TABLE IF NOT EXISTS a (id TEXT PRIMARY KEY, balance INTEGER, held INTEGER); CREATE TABLE IF NOT EXISTS h (id TEXT PRIMARY KEY, account TEXT, amount INTEGER)',
  )
  database.prepare('INSERT OR IGNORE INTO a VALUES (?, ?, 0)').run('hot', 1_000_000_000)
  const update = database.prepare('UPDATE a SET held = held + 1 WHERE id = ? AND balance - held >= 1')
  const insert = database.prepare('INSERT INTO h VALUES (?, ?, 1)')
  const place = database.transaction((id: string) => {
    if (update.run('hot').changes !== 1) throw new Error('refused')
    insert.run(id, 'hot')
  })
  const first = database.prepare('SELECT count(*) AS n FROM h').get() as { n: number }
  const started = performance.now()
  for (let index = 0; index < operations; index++) place.immediate(`h${first.n + index}`)
  const rate = (operations / (performance.now() - started)) * 1_000
  database.close()
  return rate
}
