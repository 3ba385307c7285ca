import type { FaultBenchReport } from './fault-bench.ts'

/** The report as tables that a person can read. */
export function reportText(report: FaultBenchReport): string {
  const faults = [...report.faults.values()].reduce((sum, count) => sum + count, 0)
  const rows: [string, number][] = [
    ['workflows', report.workflows],
    ['app killed', report.kills],
    ['requests to providers', report.requests],
    ['faults injected', faults],
    ['lines of invoices', report.lines],
    ['  in the ledger to the unit', report.exact],
    ['  broken, within what the ledger says', report.bounded],
    ['  of no stated usage, by our own count', report.estimated],
    ['  of killed processes, charged to nobody', report.crashed],
    ['presumed, charged to nobody', report.presumed],
    ['overspend', report.overspent.length],
    ['misbilled', report.misbilled.length],
    ['leaked', report.leaked.length],
    ['mismatches of verify()', report.mismatches.length],
    ['problems', report.problems.length],
  ]
  return [
    table(rows),
    'faults',
    counts(report.faults),
    'lines in the ledger, by work',
    counts(report.kinds),
    'workflows ended',
    counts(report.outcomes),
    'set right afterwards',
    counts(report.reconciled),
  ].join('\n')
}

function counts(map: ReadonlyMap<string, number>): string {
  return table([...map].sort(([, left], [, right]) => right - left).map(([name, count]) => [`  ${name}`, count]))
}

function table(rows: readonly (readonly [string, number])[]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length))
  return rows.map(([name, count]) => `${name.padEnd(width)} ${count.toLocaleString('en').padStart(9)}`).join('\n')
}
