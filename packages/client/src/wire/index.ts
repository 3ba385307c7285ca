// The API's wire format: snake_case names, whole credits unless a field says otherwise, times in RFC 3339.

export type * from './accounts.ts'
export type * from './agents.ts'
export type * from './basics.ts'
export type * from './budgets.ts'
export type * from './configuration.ts'
export type * from './credits.ts'
export type * from './estimates.ts'
export type * from './keys.ts'
export type * from './receipts.ts'
export type * from './reports.ts'
export type * from './status.ts'
export type * from './workflows.ts'
