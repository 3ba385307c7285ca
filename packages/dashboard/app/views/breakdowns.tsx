import type { Recommendations, UsageReport } from '@farebox/client'
import { getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { credits, plural, serviceName, unitName } from '../format.ts'
import { AnswerView } from '../parts/answer-view.tsx'
import { BarList } from '../parts/bar-list.tsx'
import { Card } from '../parts/card.tsx'
import { type RangeName, rangeNames, rangeOf } from '../state/ranges.ts'
import { addressOf } from '../state/route.ts'

const LISTED_MAX = 6
const EVERY_MS = 15_000

/** Which workflows and providers the credits went to, and where some could be saved. */
export function Breakdowns({ range: name }: { range: RangeName }) {
  // As it is when it is asked: the range moves on, and what is shown stays until there is something newer.
  const query = () => ({ from: rangeOf(name, Date.now()).from.toISOString() })
  const usage = useAnswer(`usage ${name}`, (signal) => getJson<UsageReport>('/usage', query(), signal), { everyMs: EVERY_MS })
  const savings = useAnswer(`savings ${name}`, (signal) => getJson<Recommendations>('/usage/recommendations', query(), signal))
  const span = `Last ${rangeNames.find(([each]) => each === name)?.[1]}`
  const empty = { title: 'Nothing was spent', hint: 'Try a longer time.' }
  return (
    <>
      <div class="grid two">
        <Card title="Top workflows" note={span}>
          <AnswerView
            of={usage}
            empty={{ ...empty, when: ({ workflow_breakdown }) => Object.keys(workflow_breakdown).length === 0 }}
          >
            {({ workflow_breakdown, total_credits }) => (
              <div class="card-body">
                <BarList
                  total={total_credits}
                  bars={Object.entries(workflow_breakdown)
                    .map(([workflow, { count, total_credits: amount }]) => ({
                      name: workflow,
                      detail: `${credits(count)} ${plural(count, 'run')}`,
                      amount,
                      href: `${addressOf('activity')}?name=${encodeURIComponent(workflow)}`,
                    }))
                    .sort((one, other) => other.amount - one.amount)
                    .slice(0, LISTED_MAX)}
                />
              </div>
            )}
          </AnswerView>
        </Card>
        <Card title="Services and providers" note={span}>
          <AnswerView of={usage} empty={{ ...empty, when: ({ service_breakdown }) => service_breakdown.length === 0 }}>
            {({ service_breakdown, total_credits }) => (
              <div class="card-body">
                <BarList
                  total={total_credits}
                  bars={[...service_breakdown]
                    .sort((one, other) => other.total_credits - one.total_credits)
                    .slice(0, LISTED_MAX)
                    .map(({ service_type, provider, units_consumed, unit_type, total_credits: amount }) => ({
                      name: provider,
                      detail: `${serviceName(service_type)} · ${credits(units_consumed)} ${unitName(units_consumed, unit_type)}`,
                      amount,
                    }))}
                />
              </div>
            )}
          </AnswerView>
        </Card>
      </div>
      <Card title="Savings" note={`What the same work would have cost under another configuration. ${span}`}>
        <AnswerView
          of={savings}
          ghosts={2}
          empty={{
            title: 'Nothing to save',
            hint: 'No other configuration would have done the same work for less.',
            when: ({ recommendations }) => recommendations.length === 0,
          }}
        >
          {({ recommendations }) => (
            <ul class="card-body">
              {recommendations
                .slice(0, LISTED_MAX)
                .map(({ workflow_name, change, calls_changed, credits_used, credits_saved, confidence, assumptions }) => (
                  <li key={`${workflow_name} ${JSON.stringify(change)}`} class="saving">
                    <div class="saving-line">
                      <span>
                        <strong>{workflow_name}</strong>: set {changeText(change)}
                      </span>
                      <b class="number">save {credits(credits_saved)}</b>
                    </div>
                    <p class="faint small">
                      of {credits(credits_used)} {plural(credits_used, 'credit')}, by {calls_changed}{' '}
                      {plural(calls_changed, 'call')} that would have gone elsewhere; {confidence} confidence:{' '}
                      {assumptions.join('; ')}
                    </p>
                  </li>
                ))}
            </ul>
          )}
        </AnswerView>
      </Card>
    </>
  )
}

/** A change of configuration in a few words: `stt_provider to deepgram`. */
function changeText(change: Record<string, unknown>): string {
  return Object.entries(change)
    .map(([field, value]) => `${field} to ${value === null ? 'nothing' : String(value)}`)
    .join(' and ')
}
