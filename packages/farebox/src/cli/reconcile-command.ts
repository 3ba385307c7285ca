import { formatCredits, formatUsd } from '@farebox/core'
import type { Difference, ReconcileReport } from '../reconcile/difference.ts'
import { codeOf } from '../telemetry/outcome-of-error.ts'
import { counted } from './counted.ts'
import { openConfig } from './open-config.ts'
import { checkOrder } from './parse-range.ts'
import { parseTime } from './parse-time.ts'
import type { Shell } from './shell.ts'

interface ReconcileCommandOptions {
  config: string
  from?: number
  to?: number
  dryRun?: boolean
  json?: boolean
}

/** Records between two progress messages. */
const PROGRESS = 500

/** Adds `reconcile`. */
export function addReconcileCommand(shell: Shell): void {
  const { terminal } = shell
  shell
    .plainCommand('reconcile', 'compare the ledger with the records of providers, and correct what was estimated')
    .requiredOption(
      '--config <file>',
      'a module whose default export is your Farebox, with its store and providers, or a function that makes it',
    )
    .option('--from <time>', 'only from this day or time on (default: three days before --to)', parseTime)
    .option('--to <time>', 'only before this day or time (default: now)', parseTime)
    .option('--dry-run', 'only report what differs')
    .option('--json', 'print JSON')
    .action(async ({ config, from, to: until, dryRun: isDryRun, json }: ReconcileCommandOptions) => {
      checkOrder(from, until ?? Date.now())
      const box = await openConfig(config)
      try {
        let seen = 0
        const onRecord = (adapter: string) => {
          seen += 1
          if (seen % PROGRESS === 0) terminal.error(`${seen} records compared, at ${adapter} now`)
        }
        const report = await box.reconcile({ from, until, isDryRun, onRecord })
        if (report.differences.some(({ type }) => type === 'unreachable' || type === 'failed')) terminal.exitCode(1)
        else if (report.differences.length > 0) terminal.exitCode(2)
        if (json) return terminal.line(JSON.stringify(reportJson(report), null, 2))
        if (report.differences.length > 0) terminal.table(report.differences.map(differenceRow))
        for (const line of reportLines(report, isDryRun ?? false)) terminal.line(line)
      } finally {
        await box.close()
      }
    })
}

function reportLines({ adapters, agreed, differences }: ReconcileReport, isDryRun: boolean): string[] {
  return [
    ...(isDryRun ? ['dry run: nothing was changed'] : []),
    ...adapters.map(({ name, records }) => `${name}: ${counted(records, 'record')}`),
    ...(adapters.length === 0 ? ['none of the providers has records to compare with'] : []),
    `${agreed} agree, ${differences.length} differ`,
  ]
}

function reportJson({ from, until, adapters, agreed, differences }: ReconcileReport) {
  return {
    from: new Date(from).toISOString(),
    to: new Date(until).toISOString(),
    adapters,
    agreed,
    differences: differences.map(differenceJson),
  }
}

/**
 * A difference with its fields in snake case. Amounts become decimals, or `null` if they are unknown, and an error becomes its code.
 */
function differenceJson(difference: Difference): Record<string, unknown> {
  const fields = Object.entries(difference).map(([name, value]): [string, unknown] => {
    const key = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    if (name === 'error') return [key, codeOf(value)]
    if (name === 'at') return [key, new Date(value).toISOString()]
    if (name === 'charged') return ['credits_charged', formatCredits(value)]
    return COSTS.has(name) ? [`${key}_usd`, value == null ? null : formatUsd(value)] : [key, value]
  })
  return Object.fromEntries(fields)
}

const COSTS: ReadonlySet<string> = new Set(['estimated', 'billed', 'cost'])

/** A difference for people: a column that no difference has a value for only takes up room. */
function differenceRow(difference: Difference): object {
  return Object.fromEntries(Object.entries(differenceJson(difference)).filter(([, value]) => value !== null))
}
