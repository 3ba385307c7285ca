import type { Recommendations } from '@farebox/client'
import { getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { credits, named, plural } from '../format.ts'
import { AnswerView } from '../parts/answer-view.tsx'
import { Card } from '../parts/card.tsx'
import { type RangeName, rangeNames, rangeOf } from '../state/ranges.ts'

const LISTED_MAX = 6

/** Recommendations that would save credits, the largest saving first. */
export function Savings({ range: name }: { range: RangeName }) {
  const answered = useAnswer(`savings ${name}`, (signal) =>
    getJson<Recommendations>('/usage/recommendations', { from: rangeOf(name, Date.now()).from.toISOString() }, signal),
  )
  const span = `Last ${rangeNames.find(([each]) => each === name)?.[1]}`
  return (
    <Card title="Savings" note={`What the same work would have cost under another configuration. ${span}`}>
      <AnswerView
        of={answered}
        ghosts={2}
        empty={{
          title: 'Nothing to save',
          hint: 'No other configuration would have done the same work for less.',
          when: ({ recommendations }) => recommendations.length === 0,
        }}
      >
        {({ recommendations }) => <Listed recommendations={recommendations} />}
      </AnswerView>
    </Card>
  )
}

function Listed({ recommendations }: Pick<Recommendations, 'recommendations'>) {
  const listed = recommendations.slice(0, LISTED_MAX)
  const omitted = recommendations.length - listed.length
  const [first] = listed
  // Show shared assumptions only once: they are long, and would hide what differs.
  const shared = first?.assumptions.filter((each) => listed.every(({ assumptions }) => assumptions.includes(each))) ?? []
  return (
    <div class="card-body">
      <ul>
        {listed.map(({ workflow_name, change, calls_changed, credits_used, credits_saved, confidence, assumptions }) => {
          const own = assumptions.filter((each) => !shared.includes(each))
          return (
            <li key={`${workflow_name} ${JSON.stringify(change)}`} class="saving">
              <div class="saving-line">
                <span>
                  <strong>{named(workflow_name)}</strong>: set {changeText(change)}
                </span>
                <b class="number">
                  save {credits(credits_saved)} {plural(credits_saved, 'credit')}
                </b>
              </div>
              <p class="faint small">
                out of {credits(credits_used)} {plural(credits_used, 'credit')}; {credits(calls_changed)}{' '}
                {plural(calls_changed, 'call')} would have gone elsewhere; {confidence} confidence
                {own.length > 0 && `: ${own.join('; ')}`}
              </p>
            </li>
          )
        })}
      </ul>
      {omitted > 0 && <p class="saving faint small">and {credits(omitted)} more, none of which saves more</p>}
      {shared.length > 0 && <p class="saving faint small">Assumptions: {shared.join('; ')}.</p>}
    </div>
  )
}

/** A change of configuration in a few words: `stt_provider to deepgram`. */
function changeText(change: Record<string, unknown>): string {
  return Object.entries(change)
    .map(([field, value]) => `${field} to ${value === null ? 'nothing' : String(value)}`)
    .join(' and ')
}
