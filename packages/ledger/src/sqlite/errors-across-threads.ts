import { InvalidOptionError } from '@farebox/core'
import { LedgerClosedError, LedgerInternalError, LedgerUnavailableError, SchemaVersionError } from '../errors.ts'
import { codeOf, messageOf } from './classify-error.ts'

/** An error in the form that crosses threads. Structured cloning would lose its class and fields. */
export interface SentError {
  code: string
  message: string
  cause?: { name: string; code: string; message: string }
}

export function packError(error: unknown): SentError {
  const cause = error instanceof Error ? error.cause : undefined
  return {
    code: codeOf(error),
    message: messageOf(error),
    ...(cause !== undefined && {
      cause: { name: cause instanceof Error ? cause.name : '', code: codeOf(cause), message: messageOf(cause) },
    }),
  }
}

/** Restores the error. A connection throws only Farebox errors, so anything else is a defect. */
export function unpackError({ code, message, cause }: SentError): Error {
  const original = cause && Object.assign(new Error(cause.message), { name: cause.name, code: cause.code })
  switch (code) {
    case 'LEDGER_UNAVAILABLE':
      return new LedgerUnavailableError(message, original)
    case 'SCHEMA_VERSION':
      return new SchemaVersionError(message, { cause: original })
    case 'INVALID_OPTION':
      return new InvalidOptionError(message, { cause: original })
    case 'LEDGER_CLOSED':
      return new LedgerClosedError(message)
    default:
      return new LedgerInternalError(message, original)
  }
}
