import type { UsageReport } from '@farebox/client'
import { getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { credits, exactCredits, plural, serviceName, unitName, units } from '../format.ts'
import { AnswerView } from '../parts/answer-view.tsx'
import { type Bar, BarList } from '../parts/bar-list.tsx'
import { Card } from '../parts/card.tsx'
import { linkTo } from '../state/account-link.ts'
import { type RangeName, rangeNames, rangeOf } from '../state/ranges.ts'

const EVERY_MS = 15_000

/** Which workflows and providers the credits went to. */
export function Breakdowns({ range: name }: { range: RangeName }) {
  // Computed at each request, because the range moves on with time. The old data stays until the new arrives.
  const query = () => ({ from: rangeOf(name, Date.now()).from.toISOString() })
  const usage = useAnswer(`usage ${name}`, (signal) => getJson<UsageReport>('/usage', query(), signal), { everyMs: EVERY_MS })
  const span = `Last ${rangeNames.find(([each]) => each === name)?.[1]}`
  const empty = { title: 'Nothing was spent', hint: 'Try a longer time.' }
  return (
    <div class="grid two">
      <Card title="Top workflows" note={span}>
        <AnswerView of={usage} empty={{ ...empty, when: (report) => workflowBars(report, query()).length === 0 }}>
          {(report) => (
            <div class="card-body">
              <BarList
                total={exactCredits(report.total_credits, report.total_credits_exact)}
                bars={workflowBars(report, query())}
              />
            </div>
          )}
        </AnswerView>
      </Card>
      <Card title="Services and providers" note={span}>
        <AnswerView of={usage} empty={{ ...empty, when: ({ service_breakdown }) => service_breakdown.length === 0 }}>
          {({ service_breakdown, total_credits, total_credits_exact }) => (
            <div class="card-body">
              <BarList
                total={exactCredits(total_credits, total_credits_exact)}
                bars={service_breakdown.map(({ service_type, provider, units_consumed, unit_type, ...used }) => ({
                  name: provider,
                  detail: `${serviceName(service_type)} · ${units(units_consumed)} ${unitName(units_consumed, unit_type)}`,
                  amount: exactCredits(used.total_credits, used.total_credits_exact),
                }))}
              />
            </div>
          )}
        </AnswerView>
      </Card>
    </div>
  )
}

/** The workflows by name, each leading to its runs, and what was charged without one. */
function workflowBars(
  { workflow_breakdown, total_credits, total_credits_exact }: UsageReport,
  query: Record<string, string>,
): Bar[] {
  const bars: Bar[] = Object.entries(workflow_breakdown).map(([name, { count, ...used }]) => ({
    name,
    detail: `${credits(count)} ${plural(count, 'run')}`,
    amount: exactCredits(used.total_credits, used.total_credits_exact),
    href: linkTo('activity', { name, ...query }),
  }))
  const inWorkflows = bars.reduce((sum, { amount }) => sum + amount, 0)
  const without = Number((exactCredits(total_credits, total_credits_exact) - inWorkflows).toFixed(6))
  // An older server gives whole credits alone, of which the workflows may have more than the total.
  return without > 0 ? [...bars, { name: 'Without a workflow', amount: without }] : bars
}
