import { exerciseLedgerDriver } from '@farebox/ledger/conformance'
import { openPostgres } from './open-postgres.ts'

exerciseLedgerDriver('postgres', openPostgres)
