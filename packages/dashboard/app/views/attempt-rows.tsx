import type { WorkflowDetails } from '@farebox/client'
import { duration, exactly, instant, serviceName } from '../format.ts'
import { Nothing } from '../parts/answer-view.tsx'
import { Badge, type Tone } from '../parts/badge.tsx'
import { Card } from '../parts/card.tsx'
import { TableScroll } from '../parts/table-scroll.tsx'
import { useFirst } from '../parts/use-first.tsx'

type Attempt = NonNullable<WorkflowDetails['attempts']>[number]

const TONES: Readonly<Record<string, Tone>> = { succeeded: 'good', failed: 'bad', cut: 'warn', left: 'warn', lost: '' }
const LANE_TONES: Readonly<Record<string, string>> = { failed: 'bad', cut: 'bad', left: 'faint', lost: 'faint' }

/** The attempts: which provider was asked, when, how long it took and how it ended. All lanes share one time scale. */
export function AttemptRows({ attempts }: { attempts: readonly Attempt[] }) {
  const starts = attempts.map(({ started_at }) => new Date(started_at).getTime())
  const begin = Math.min(...starts)
  const span = Math.max(1, ...attempts.map(({ duration: seconds }, place) => (starts[place] ?? 0) + seconds * 1000 - begin))
  const { first, more } = useFirst(attempts, 'attempts')
  const hasCosts = attempts.some(({ cost_usd }) => cost_usd !== undefined)
  return (
    <Card
      title="Attempts"
      note={attempts.length > 0 ? `Each call to a provider, in order, on a time scale of ${duration(span / 1000)}` : undefined}
    >
      {attempts.length === 0 ? (
        <Nothing title="No call was routed" hint="Your own code called the provider itself and recorded the usage." />
      ) : (
        <>
          <TableScroll label="Attempts">
            <table>
              <thead>
                <tr>
                  <th scope="col">Provider</th>
                  <th scope="col">Outcome</th>
                  <th scope="col" class="wide-only">
                    Asked as
                  </th>
                  <th scope="col" class="wide-only">
                    When
                  </th>
                  <th scope="col" class="right">
                    Latency
                  </th>
                  <th scope="col" class="right">
                    Credits
                  </th>
                  {hasCosts && (
                    <th scope="col" class="wide-only right">
                      Our cost
                    </th>
                  )}
                </tr>
              </thead>
              <tbody>
                {first.map((attempt, place) => (
                  <tr key={attempt.attempt_id}>
                    <th scope="row" class="twofold">
                      <span>{attempt.provider}</span>
                      <span>
                        {serviceName(attempt.service_type)} · {attempt.adapter}
                        {attempt.model !== attempt.provider && ` · ${attempt.model}`}
                      </span>
                    </th>
                    <td class="twofold">
                      <span>
                        <Badge tone={TONES[attempt.outcome]}>{attempt.outcome}</Badge>
                      </span>
                      {attempt.error && <span>{attempt.error.replaceAll('_', ' ')}</span>}
                    </td>
                    <td class="wide-only twofold">
                      <span>{attempt.cause}</span>
                      <span>{attempt.reason}</span>
                    </td>
                    <td class="wide-only" title={instant(attempt.started_at)}>
                      <span class="unseen">{`after ${duration(((starts[place] ?? 0) - begin) / 1000)}`}</span>
                      <div class="lane">
                        <span
                          class={LANE_TONES[attempt.outcome] ?? ''}
                          style={{
                            left: `${Math.min(97, (((starts[place] ?? 0) - begin) / span) * 100)}%`,
                            width: `${((attempt.duration * 1000) / span) * 100}%`,
                          }}
                        />
                      </div>
                    </td>
                    <td class="right number">{duration(attempt.duration)}</td>
                    <td class="right number">{exactly(attempt.credits_used_exact ?? attempt.credits_used)}</td>
                    {hasCosts && (
                      <td class="wide-only right number faint">
                        {attempt.cost_usd === undefined ? '–' : `$${attempt.cost_usd}`}
                      </td>
                    )}
                  </tr>
                ))}
              </tbody>
            </table>
          </TableScroll>
          {more}
        </>
      )}
    </Card>
  )
}
