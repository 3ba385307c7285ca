import type { Credits, Grant } from '@farebox/client'
import { getJson } from '../api/get-json.ts'
import { getSeries } from '../api/get-series.ts'
import { useAnswer } from '../api/use-answer.ts'
import { charged, credits, day, exactCredits, exactly, plural, units } from '../format.ts'
import { AnswerView, Outdated } from '../parts/answer-view.tsx'
import { useNow } from '../parts/use-now.ts'
import { bucketStart, bucketsLater } from '../state/ranges.ts'
import { BURN_DAYS, type BurnRate, burnRate } from './burn-rate.ts'

const EVERY_MS = 15_000

/** The account's balance, and how long it will last. */
export function BalanceStats() {
  const now = useNow(60_000)
  const today = bucketStart('day', new Date(now))
  const from = bucketsLater('day', today, -BURN_DAYS)
  const answered = useAnswer('balance', (signal) => getJson<Credits>('/credits', {}, signal), { everyMs: EVERY_MS })
  // Apart, because what is available is shown also if what was spent cannot be read.
  const days = useAnswer(
    `days ${today.getTime()}`,
    (signal) => getSeries({ granularity: 'day', groupBy: 'none', from }, signal),
    { everyMs: EVERY_MS },
  )
  const isComplete = days.data !== undefined || days.error !== undefined || answered.error !== undefined
  return (
    <section class="card" aria-label="Balance">
      {days.error && days.data && !answered.error && (
        <div class="card-body">
          <Outdated error={days.error} />
        </div>
      )}
      <AnswerView of={isComplete ? answered : { ...answered, data: undefined }} ghosts={3}>
        {(balance) => {
          const burn = days.data && burnRate(days.data, balance.available, now)
          return (
            <dl class="stats">
              <Stat
                isLead
                name="Available"
                value={credits(balance.available)}
                unit={plural(balance.available, 'credit')}
                note={availableNote(balance, now)}
              />
              <Stat
                name="Balance"
                value={credits(balance.credit_balance)}
                unit={plural(balance.credit_balance, 'credit')}
                note={
                  balance.held > 0 ? `${credits(balance.held)} held for work under way` : 'Nothing is held for work under way'
                }
              />
              {burn ? (
                <>
                  <Rate burn={burn} />
                  <Lasts daysLeft={burn.daysLeft} now={now} />
                </>
              ) : (
                <>
                  <Stat name="Burn rate" value="–" note={days.error ? `Not loaded: ${days.error.message}` : 'Loading'} />
                  <Stat name="Lasts" value="–" note="The burn rate is not known" />
                </>
              )}
            </dl>
          )
        }}
      </AnswerView>
    </section>
  )
}

function Stat({
  name,
  value,
  unit = '',
  note,
  isLead = false,
}: {
  name: string
  value: string
  unit?: string
  note: string
  isLead?: boolean
}) {
  return (
    <div class={isLead ? 'stat lead' : 'stat'}>
      <dt>{name}</dt>
      <dd>
        <div class="stat-value">
          <span>{value}</span> {unit && <small>{unit}</small>}
        </div>
        <div class="stat-note">{note}</div>
      </dd>
    </div>
  )
}

function Rate({ burn }: { burn: BurnRate }) {
  const perDay = Math.round(burn.perDay * 10) / 10
  return (
    <Stat
      name="Burn rate"
      value={burn.perDay >= 100 ? credits(burn.perDay) : perDay > 0 ? exactly(perDay) : units(burn.perDay)}
      unit={`${plural(perDay, 'credit')} a day`}
      note={burnNote(burn)}
    />
  )
}

function Lasts({ daysLeft, now }: { daysLeft: number | undefined; now: number }) {
  if (daysLeft === undefined) return <Stat name="Lasts" value="–" note="Nothing is being spent" />
  if (daysLeft === 0) return <Stat name="Lasts" value="–" note="Nothing is available" />
  const until = daysLeft < 3_650 ? `: until about ${day(new Date(now + daysLeft * 86_400_000).toISOString())}` : ''
  return (
    <Stat
      name="Lasts"
      value={daysLeft < 1 ? 'under 1' : credits(Math.floor(daysLeft))}
      unit={plural(Math.max(1, Math.floor(daysLeft)), 'day')}
      note={`Available ÷ burn rate${until}`}
    />
  )
}

/** Says what the rate was computed from. */
function burnNote({ days, spentToday }: BurnRate): string {
  const today = `${credits(charged(spentToday))} so far today`
  if (days > 0) return `Average of the last ${days === 1 ? 'full day' : `${days} full days`} (UTC); ${today}`
  return spentToday > 0
    ? `Today’s spending, extrapolated to a full day (UTC); ${today}`
    : `No spending in the last ${BURN_DAYS} full days`
}

function availableNote({ available, credit_balance, frozen, grants }: Credits, now: number): string {
  if (frozen) return 'Frozen: new work is refused'
  // A credit line lets work continue below zero, so do not say that the credits are used up.
  if (credit_balance < 0) return 'Below zero: what is owed is taken from the next grant'
  return (available > 0 ? expiryNote(grants, now) : undefined) ?? 'What new work can use'
}

/** Says how many credits expire on the next day on which any do. */
function expiryNote(grants: readonly Grant[], now: number): string | undefined {
  const byDay = new Map<string, number>()
  for (const { state, remaining, remaining_exact, expires_at } of [...grants].sort(soonestFirst)) {
    // A grant that has not begun is no part of what is available.
    if (state !== 'active' || expires_at === null || new Date(expires_at).getTime() <= now) continue
    const on = day(expires_at)
    byDay.set(on, (byDay.get(on) ?? 0) + exactCredits(remaining, remaining_exact))
  }
  for (const [on, amount] of byDay) if (amount >= 1) return `${credits(Math.floor(amount))} expire on ${on}`
  return undefined
}

function soonestFirst({ expires_at: one }: Grant, { expires_at: other }: Grant): number {
  return (one ?? '') < (other ?? '') ? -1 : 1
}
