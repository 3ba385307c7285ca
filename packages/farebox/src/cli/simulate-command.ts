import { type Credits, formatCredits, InvalidOptionError, microCredits } from '@farebox/core'
import { defaultPriceBook, PriceBook } from '@farebox/pricing'
import { simulate } from '../replay/simulate.ts'
import { type Simulation, simulationJson } from '../replay/simulation.ts'
import { counted } from './counted.ts'
import { parseRange, type RangeOptions } from './parse-range.ts'
import { readBook } from './read-book.ts'
import { readChanges, readConfiguration } from './read-configuration.ts'
import type { Shared, Shell } from './shell.ts'

interface SimulateOptions extends Shared, RangeOptions {
  configuration?: string
  set?: string[]
  prices?: string
  book?: string
  account?: string
  workflow?: string
}

/** Adds `simulate`: what would last month have cost with …? */
export function addSimulateCommand(shell: Shell, now: () => number = Date.now): void {
  shell
    .command('simulate', 'simulate what recorded work would have cost with another configuration or price book')
    .option('--from <time>', 'only workflows opened from this time on: 2026-07-01 or 2026-07-01T12:00Z')
    .option('--to <time>', 'only workflows opened before this time (default: now)')
    .option('--month <month>', 'only workflows opened in this UTC month: last, this or 2026-07 (default: last)')
    .option('--configuration <name>', 'the configuration to simulate: a preset, or the path of a JSON file')
    .option('--set <field=value...>', 'configuration fields to change: stt_provider=deepgram cost_optimization=true')
    .option('--prices <book>', 'the prices to simulate: the path of a price book')
    .option('--book <book>', 'the prices that customers pay now: the path of a price book (default: the built-in one)')
    .option('--account <account>', 'only this account')
    .option('--workflow <name>', 'only workflows of this name')
    .action((options: SimulateOptions) =>
      shell.withLedger(options, async (ledger) => {
        const { from = 0, to = now() } = parseRange(isWhenTold(options) ? options : { month: 'last' }, now())
        const { terminal } = shell
        if (options.configuration === undefined && !options.set && options.prices === undefined)
          throw new InvalidOptionError(
            'nothing is different: give --configuration, --set or --prices, such as --set stt_provider=deepgram',
          )
        const simulation = await simulate(
          {
            ledger,
            book: options.book === undefined ? defaultPriceBook : new PriceBook(await readBook(options.book)),
            // The command knows no providers. On offer are those that a decision considered, and those with a price in the book.
            catalog: undefined,
            classifier: undefined,
            isRetired: () => false,
            now: now(),
          },
          {
            from,
            to,
            accountId: options.account,
            name: options.workflow,
            ...(options.configuration !== undefined && { configuration: await readConfiguration(options.configuration) }),
            ...(options.set && { changes: readChanges(options.set) }),
            ...(options.prices !== undefined && { prices: new PriceBook(await readBook(options.prices)) }),
            onProgress: ({ accountId, workflows, calls }) =>
              terminal.progress?.(`${accountId}: ${counted(workflows, 'workflow')}, ${counted(calls, 'call')}`),
          },
        ).finally(() => terminal.progress?.(''))
        if (options.json) terminal.line(JSON.stringify(simulationJson(simulation), null, 2))
        else printSimulation(shell, simulation)
      }),
    )
}

function isWhenTold({ from, to, month }: RangeOptions): boolean {
  return from !== undefined || to !== undefined || month !== undefined
}

function printSimulation({ terminal }: Shell, simulation: Simulation): void {
  const { lines, notReplayed, assumptions, creditsThen, creditsNow, difference, workflows, calls } = simulation
  if (lines.length > 0) {
    terminal.table(
      lines.map((line) => ({
        workflow: line.workflowName ?? '',
        service: line.service,
        calls: line.calls,
        credits_then: formatCredits(line.creditsThen),
        credits_now: formatCredits(line.creditsNow),
        difference: signed(line.difference),
        moved: line.moved.map(({ from, to, calls: moved }) => `${from} → ${to}: ${moved}`).join(', '),
      })),
    )
  }
  const [from, to] = [simulation.from, simulation.to].map((at) => new Date(at).toISOString())
  terminal.line(`${counted(workflows, 'workflow')} with ${counted(calls, 'call')}, from ${from} to ${to}`)
  terminal.line(
    `${counted(formatCredits(creditsThen), 'credit')} then, ${formatCredits(creditsNow)} now: ${signed(difference)}${shareOf(difference, creditsThen)}`,
  )
  for (const { service, calls: kept, credits, reason } of notReplayed) {
    terminal.line(`counted as it was: ${kept} of ${service}, ${counted(formatCredits(credits), 'credit')}: ${reason}`)
  }
  for (const assumption of assumptions) terminal.line(`assumed: ${assumption}`)
}

function signed(difference: bigint): string {
  return `${difference > 0n ? '+' : ''}${formatCredits(microCredits(difference))}`
}

/** A share in percent, to one decimal. */
function shareOf(difference: bigint, whole: Credits): string {
  if (whole === 0n) return ''
  const tenths = Number((difference * 1_000n) / whole)
  return ` (${tenths > 0 ? '+' : ''}${tenths / 10} %)`
}
