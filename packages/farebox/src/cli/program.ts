import { createRequire } from 'node:module'
import { isFareboxError } from '@farebox/core'
import { Command } from 'commander'
import { addAccountCommands } from './account-commands.ts'
import { addEstimateCommand } from './estimate-command.ts'
import { addExportCommand } from './export-command.ts'
import { addImportCommand } from './import-command.ts'
import { addKeyCommands } from './key-commands.ts'
import { addPriceCommands } from './price-commands.ts'
import { addPriceListCommands } from './price-list-commands.ts'
import { addReconcileCommand } from './reconcile-command.ts'
import { Shell } from './shell.ts'
import { addSimulateCommand } from './simulate-command.ts'
import { addStoreCommands } from './store-commands.ts'
import type { Terminal } from './terminal.ts'

/**
 * The `farebox` command. Exit codes: 0 done, 1 failed, 2 something was found by `verify`, `reconcile`, `migrate --plan`, `import`
 * or `prices check`.
 */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('farebox')
    .description('Manage the ledger and the prices of a Farebox.')
    .version(versionOfPackage(), '--version', 'print the version of the package')
    .configureOutput({ writeOut: (text) => terminal.line(text.trimEnd()), writeErr: (text) => terminal.error(text.trimEnd()) })
    .exitOverride()
    .showHelpAfterError('(add --help to see the arguments and options)')
    // An option belongs to the command that it follows: `prices import … --json` is not `prices --json`.
    .enablePositionalOptions()
  const shell = new Shell(program, terminal)
  addStoreCommands(shell)
  addAccountCommands(shell)
  addKeyCommands(shell)
  addImportCommand(shell)
  addEstimateCommand(shell)
  addSimulateCommand(shell)
  addExportCommand(shell)
  addReconcileCommand(shell)
  addPriceCommands(addPriceListCommands(shell, program), terminal)

  return program
}

/**
 * Runs a command line. A failure prints one line and sets exit code 1. A wrong command line gets a second line that names --help.
 */
export async function runProgram(program: Command, parameters: readonly string[], terminal: Terminal): Promise<void> {
  try {
    await program.parseAsync(parameters, { from: 'user' })
  } catch (error) {
    // Commander has already printed its own errors. It throws for --help too.
    if (isCommanderExit(error)) return terminal.exitCode(error.exitCode)
    terminal.error(`farebox: ${error instanceof Error ? error.message : String(error)}`)
    const absent = absentPackage(error)
    if (absent) terminal.error(`farebox: install it beside farebox: npm install ${absent}`)
    else if (isReadOnly(error))
      terminal.error('farebox: SQLite writes beside a file that it reads too: copy it to where you may write')
    else if (UNKNOWN_AUTHORITY.test(causeCode(error)))
      terminal.error('farebox: trust its authority with ?sslmode=verify-full&sslrootcert=ca.pem in the URL')
    else if (isFareboxError(error) && error.isRetryable && !isLasting(error)) terminal.error('farebox: trying again may help')
    terminal.exitCode(1)
  }
}

/** Resolves the package by its name, since the place of this file depends on how it was bundled. */
function versionOfPackage(): string {
  return (createRequire(import.meta.url)('farebox/package.json') as { version: string }).version
}

/** The package whose import failed, if that was the cause: the driver of a database, which users install themselves. */
function absentPackage(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const isAbsent = 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
  return isAbsent ? /^Cannot find package '([^']+)'/.exec(error.message)?.[1] : absentPackage(error.cause)
}

function isReadOnly(error: unknown): boolean {
  return /^SQLITE_(READONLY|CANTOPEN)/.test(causeCode(error))
}

/**
 * Whether a retry cannot help: a damaged file, or on Postgres a wrong password, a missing database, a missing privilege, a setting
 * that it does not know, no TLS, a certificate for another host or out of date, or a missing file of certificates.
 */
function isLasting(error: unknown): boolean {
  if (/^(SQLITE_(CORRUPT|NOTADB)|28|3D000$|42501$|42704$|ERR_TLS_|CERT_)/.test(causeCode(error))) return true
  const cause = error instanceof Error ? error.cause : undefined
  // Both are of `pg`, and the first has no code. A Unix socket that is not there is `connect ENOENT`, and may be there later.
  return cause instanceof Error && /does not support SSL connections$|^ENOENT: .* open /.test(cause.message)
}

/** Node's codes of a server's certificate whose authority it does not know. */
const UNKNOWN_AUTHORITY =
  /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?)$/

/** The code of the database, such as `SQLITE_CORRUPT`, or of the connection to it. */
function causeCode(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause ? String(cause.code) : ''
}

function isCommanderExit(error: unknown): error is { exitCode: number } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')
}
