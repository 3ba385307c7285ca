import type { Budget } from '@farebox/client'
import { ago, credits, instant, percent, plural, serviceName } from '../format.ts'
import { Badge } from '../parts/badge.tsx'
import { Track } from '../parts/track.tsx'

const NEAR = 0.8

/**
 * Budgets as bars.
 *
 * @param keyNames  the names of the keys, by prefix
 */
export function Budgets({
  budgets,
  keyNames,
  now,
}: {
  budgets: readonly Budget[]
  keyNames: ReadonlyMap<string, string>
  now: number
}) {
  return (
    <ul class="card-body budgets">
      {budgets.map((budget) => {
        const { budget_id, period, time_zone, mode, limit, used, resets_at } = budget
        const share = limit > 0 ? used / limit : 1
        const tone = share >= 1 ? 'bad' : share >= NEAR ? 'warn' : ''
        return (
          <li key={budget_id} class="budget">
            <div class="budget-line">
              <span>
                <strong>{whose(budget, keyNames)}</strong>{' '}
                <span class="faint small">{period === 'total' ? 'in total' : `per ${period}`}</span>{' '}
                {mode === 'warn' && <Badge tone="plain">warns only</Badge>}
              </span>
              <span class="number">
                {credits(used)}{' '}
                <span class="faint">
                  of {credits(limit)} {plural(limit, 'credit')}
                </span>
              </span>
            </div>
            <meter
              class="unseen"
              min={0}
              max={Math.max(limit, used, 1)}
              value={used}
              aria-label={`${whose(budget, keyNames)}, ${period === 'total' ? 'in total' : `per ${period}`}`}
            />
            <Track share={share} tone={tone} />
            <p class="faint small">
              {percent(share)} used
              {share >= 1
                ? mode === 'block'
                  ? ', further work is refused'
                  : used > limit
                    ? ', over the limit'
                    : ', the limit is reached'
                : `, ${credits(Math.max(0, limit - used))} left`}
              {resets_at && <span title={`${instant(resets_at)}, days of ${time_zone}`}> · resets {ago(resets_at, now)}</span>}
            </p>
          </li>
        )
      })}
    </ul>
  )
}

function whose({ user_id, api_key, service_type }: Budget, keyNames: ReadonlyMap<string, string>): string {
  const owner = api_key ? `Key ${keyNames.get(api_key) || api_key}` : user_id ? `User ${user_id}` : 'The account'
  return service_type ? `${owner}, ${serviceName(service_type)}` : owner
}
