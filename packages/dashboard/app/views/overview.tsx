import { PageHead } from '../parts/page-head.tsx'
import { Segmented } from '../parts/segmented.tsx'
import { isRangeName, type RangeName, rangeNames } from '../state/ranges.ts'
import { route, setQuery } from '../state/route.ts'
import { BalanceStats } from './balance-stats.tsx'
import { Breakdowns } from './breakdowns.tsx'
import { Savings } from './savings.tsx'
import { SpendChart } from './spend-chart.tsx'

/** The balance, how fast it is spent, and on what. */
export function Overview() {
  const asked = route.value.query.get('range')
  const range: RangeName = isRangeName(asked) ? asked : '30d'
  return (
    <>
      <PageHead title="Overview" lead="The balance, how fast it is spent, and on what.">
        <Segmented
          label="Time"
          value={range}
          options={rangeNames}
          onChange={(next) => setQuery({ range: next === '30d' ? undefined : next })}
        />
      </PageHead>
      <BalanceStats />
      <SpendChart range={range} />
      <Breakdowns range={range} />
      <Savings range={range} />
    </>
  )
}
