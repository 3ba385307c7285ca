import { exerciseLedgerDriver } from '@farebox/ledger/conformance'
import { openSqlite } from './open-sqlite.ts'

exerciseLedgerDriver('sqlite', openSqlite)
