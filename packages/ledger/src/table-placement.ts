import { sqlName } from './sql.ts'
import { tables } from './tables.ts'

/** One table of the ledger, and where its rows belong when the database is spread over several servers. */
export interface TablePlacement {
  /** Its name in SQL, without a schema. */
  name: string
  /** Its rows lie with their account on one server, or all of them on every server. */
  placement: 'distributed by account_id' | 'reference'
  primaryKey: readonly string[]
}

/** Every table of the ledger but `farebox_migrations`, which stays where `migrate` runs. Accounts, which the others lie with, come first. */
export function tablePlacements(): TablePlacement[] {
  return Object.values(tables).map(({ name, primaryKey }) => ({
    name: sqlName(name),
    placement: primaryKey[0] === 'account_id' ? 'distributed by account_id' : 'reference',
    primaryKey,
  }))
}

/** The statements that spread freshly migrated tables over the nodes of a Citus cluster; each is run once, on the coordinator. */
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
