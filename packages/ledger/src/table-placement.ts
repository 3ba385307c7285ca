import { sqlName } from './sql.ts'
import { tables } from './tables.ts'

/** One table of the ledger, and where its rows belong when the database is distributed over several servers. */
export interface TablePlacement {
  /** The table's name in SQL, without a schema. */
  name: string
  /** Whether each row is on the same server as its account, or all rows are on every server. */
  placement: 'distributed by account_id' | 'reference'
  primaryKey: readonly string[]
}

/**
 * Every table of the ledger except `farebox_migrations`, which stays where `migrate` runs. The accounts come first, since the
 * other tables are placed with them.
 */
export function tablePlacements(): TablePlacement[] {
  return Object.values(tables).map(({ name, primaryKey }) => ({
    name: sqlName(name),
    placement: primaryKey[0] === 'account_id' ? 'distributed by account_id' : 'reference',
    primaryKey,
  }))
}

/** The statements that distribute freshly migrated tables over a Citus cluster. Run each once, on the coordinator. */
export function citusStatements(schema = 'public'): string[] {
  const placements = tablePlacements()
  const accounts = `${schema}.${placements[0]?.name}`
  return placements.map(({ name, placement }) => {
    const table = `${schema}.${name}`
    if (placement === 'reference') return `SELECT create_reference_table('${table}');`
    const beside = table === accounts ? '' : `, colocate_with => '${accounts}'`
    return `SELECT create_distributed_table('${table}', 'account_id'${beside});`
  })
}
