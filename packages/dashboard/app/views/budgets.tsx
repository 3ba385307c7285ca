import type { Budget } from '@farebox/client'
import { ago, exactly, instant, percent, plural, serviceName } from '../format.ts'
import { Badge } from '../parts/badge.tsx'
import { Track } from '../parts/track.tsx'
import { useFirst } from '../parts/use-first.tsx'

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
  const { first, more } = useFirst(budgets, 'budgets')
  return (
    <>
      <ul class="card-body budgets">
        {first.map((budget) => {
          const { budget_id, period, time_zone, mode, limit_exact, used_exact, resets_at } = budget
          const [limit, used] = [Number(limit_exact), Number(used_exact)]
          const share = shareUsed(limit_exact, used_exact)
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
                  {exactly(used_exact)}{' '}
                  <span class="faint">
                    of {exactly(limit_exact)} {plural(limit, 'credit')}
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
                  : `, ${exactly(limit - used)} left`}
                {resets_at && <span title={`${instant(resets_at)}, days of ${time_zone}`}> · resets {ago(resets_at, now)}</span>}
              </p>
            </li>
          )
        })}
      </ul>
      {more}
    </>
  )
}

/**
 * The share of a budget that is used; all of one that allows nothing. By exact amounts: in whole credits, half a credit would be
 * a budget of none.
 */
export function shareUsed(limitExact: string, usedExact: string): number {
  return Number(limitExact) > 0 ? Number(usedExact) / Number(limitExact) : 1
}

function whose({ user_id, api_key, service_type }: Budget, keyNames: ReadonlyMap<string, string>): string {
  const owner = api_key ? `Key ${keyNames.get(api_key) || api_key}` : user_id ? `User ${user_id}` : 'The account'
  return service_type ? `${owner}, ${serviceName(service_type)}` : owner
}
