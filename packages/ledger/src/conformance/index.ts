export { exerciseLedgerDriver } from './exercise-ledger-driver.ts'
export type { HostTransaction, LedgerUnderTest, OpenLedger } from './ledger-under-test.ts'
