import type { OwnKeys, UsageReport } from '@farebox/client'
import { useState } from 'preact/hooks'
import { getJson } from '../api/get-json.ts'
import { getSeries, type SeriesGroup } from '../api/get-series.ts'
import { useAnswer } from '../api/use-answer.ts'
import { charged, credits, exactCredits, named, percent, plural, providerName, serviceName } from '../format.ts'
import { AnswerView } from '../parts/answer-view.tsx'
import { BarChart } from '../parts/bar-chart.tsx'
import { Card } from '../parts/card.tsx'
import { ChartTable } from '../parts/chart-table.tsx'
import { Segmented } from '../parts/segmented.tsx'
import { stackSeries } from '../parts/stack-series.ts'
import { linkTo } from '../state/account-link.ts'
import { bucketsLater, bucketsUpTo, type RangeName, rangeNames, rangeOf } from '../state/ranges.ts'
import { go, route, setQuery } from '../state/route.ts'
import { keyNamesOf } from './key-names.ts'

const groups: readonly (readonly [group: SeriesGroup, label: string])[] = [
  ['workflow', 'Workflow'],
  ['service', 'Service'],
  ['provider', 'Provider'],
  ['api_key', 'Key'],
  ['user', 'User'],
  ['none', 'Total'],
]

const WITHOUT_NAME: Readonly<Record<SeriesGroup, string>> = {
  none: 'All',
  workflow: 'Without a workflow',
  service: 'Without a service',
  provider: 'Without a provider',
  api_key: 'Without a key',
  user: 'Without a user',
}

const NAMES: Partial<Record<SeriesGroup, (name: string) => string>> = { service: serviceName, provider: providerName }

const EVERY_MS = 15_000

/** Credits over time, as a chart or a table, grouped as the user chose. */
export function SpendChart({ range: name }: { range: RangeName }) {
  const [isTable, setTable] = useState(false)
  const groupBy = groups.find(([group]) => group === route.value.query.get('by'))?.[0] ?? 'workflow'
  const { granularity } = rangeOf(name, Date.now())
  const answered = useAnswer(
    `series ${name} ${groupBy}`,
    async (signal) => {
      // Computed with each answer, so that the range and the data move on together when a new bucket begins.
      const now = Date.now()
      const range = rangeOf(name, now)
      const [entries, earlier, keys] = await Promise.all([
        getSeries({ granularity, groupBy, from: range.from }, signal),
        getJson<UsageReport>('/usage', { from: range.before.from.toISOString(), to: range.before.to.toISOString() }, signal),
        groupBy === 'api_key' ? getJson<OwnKeys>('/keys', {}, signal) : undefined,
      ])
      const spentEarlier = exactCredits(earlier.total_credits, earlier.total_credits_exact)
      // The newest bucket may have begun since, or the reader's clock may be behind: it is in the chart all the same.
      const newest = entries.reduce((latest, { starts_at }) => Math.max(latest, new Date(starts_at).getTime()), now)
      return { entries, earlier: spentEarlier, buckets: bucketsUpTo(range, newest), keyNames: keyNamesOf(keys?.keys ?? []) }
    },
    { everyMs: EVERY_MS },
  )
  const nameOf = (each: string | null, keyNames: ReadonlyMap<string, string>) =>
    each === null ? WITHOUT_NAME[groupBy] : (NAMES[groupBy]?.(each) ?? keyNames.get(each) ?? named(each))
  /** The address of the workflows that were opened in a bucket. */
  const workflowsOf = (start: Date) => {
    const within = { from: start.toISOString(), to: bucketsLater(granularity, start, 1).toISOString(), sort: 'credits' }
    return linkTo('activity', within)
  }
  const spanLabel = rangeNames.find(([each]) => each === name)?.[1] ?? ''
  const byLabel = groups.find(([group]) => group === groupBy)?.[1].toLowerCase()
  const label = `Credits spent per ${granularity}, last ${spanLabel}${groupBy === 'none' ? '' : `, by ${byLabel}`}`
  const tools = (
    <div class="controls">
      <Segmented
        label="Spend by"
        value={groupBy}
        options={groups}
        onChange={(next) => setQuery({ by: next === 'workflow' ? undefined : next })}
      />
      <button type="button" class="button quiet" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
        {isTable ? 'Show chart' : 'Show table'}
      </button>
    </div>
  )
  return (
    <Card
      title="Spend over time"
      note={`Credits per ${granularity}, UTC. Choose ${granularity === 'hour' ? 'an' : 'a'} ${granularity} to see its workflows.`}
      tools={tools}
    >
      <AnswerView
        of={answered}
        ghosts={9}
        empty={{
          title: 'Nothing was spent',
          hint: 'Charges of this account appear here as they are made. Try a longer time.',
          when: ({ entries }) => entries.length === 0,
        }}
      >
        {({ entries, earlier, buckets, keyNames }) => {
          const layers = stackSeries(entries, buckets, (each) => nameOf(each, keyNames))
          const spent = layers.reduce((sum, layer) => sum + layer.total, 0)
          const total = charged(spent)
          return (
            <div class="card-body">
              <p class="spend-total">
                <b data-testid="spend-total">{credits(total)}</b>
                <span class="soft">{plural(total, 'credit')}</span>
                <Change now={spent} before={earlier} />
              </p>
              {isTable ? (
                <ChartTable label={label} buckets={buckets} granularity={granularity} layers={layers} hrefOf={workflowsOf} />
              ) : (
                <BarChart
                  label={label}
                  buckets={buckets}
                  granularity={granularity}
                  layers={layers}
                  onOpen={(start) => go(workflowsOf(start))}
                />
              )}
              {layers.length > 0 && !isTable && groupBy !== 'none' && (
                <ul class="legend" aria-label="In the chart">
                  {layers.map((layer) => (
                    <li key={layer.name}>
                      <span class="swatch" style={{ background: layer.colour }} />
                      <span class="cut" title={layer.name}>
                        {layer.name}
                      </span>
                      <span class="number faint">{credits(charged(layer.total))}</span>
                    </li>
                  ))}
                </ul>
              )}
            </div>
          )
        }}
      </AnswerView>
    </Card>
  )
}

/** The change from the range before, up to the same point in it, by exact credits. */
function Change({ now, before }: { now: number; before: number }) {
  if (before === 0) return <span class="change faint">nothing spent in the period before</span>
  // A share of less than nothing says nothing.
  if (before < 0 || now < 0) return <span class="change faint">{credits(charged(before))} in the period before</span>
  const change = now / before - 1
  const word = Math.abs(change) < 0.005 ? 'the same as' : `${percent(Math.abs(change))} ${change > 0 ? 'more' : 'less'} than`
  return (
    <span
      class="change faint"
      title={`${credits(charged(before))} ${plural(charged(before), 'credit')} in the period before, up to the same moment`}
    >
      {word} the period before
    </span>
  )
}
