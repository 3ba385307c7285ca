import { charged, credits, named, percent } from '../format.ts'
import { KeptLink } from './kept-link.tsx'
import { Track } from './track.tsx'

export interface Bar {
  name: string
  detail?: string
  /** Exact credits. */
  amount: number
  href?: string
  /** Whether it stands for all the others. */
  isRest?: boolean
}

const LISTED_MAX = 6

/** Amounts of credits, the largest first, each with its share of the total. If there are too many, the smallest share one line. */
export function BarList({ bars, total }: { bars: readonly Bar[]; total: number }) {
  const listed = largestFirst(bars)
  const largest = Math.max(0, ...listed.map(({ amount }) => amount)) || 1
  return (
    <ul class="bar-list">
      {listed.map(({ name, detail, amount, href, isRest }) => (
        // A name that leads on keeps its element, and with it the focus, when its detail changes.
        <li key={href === undefined ? `${name} ${detail}` : `${name} ${isRest}`}>
          <div class="bar-list-line">
            <span class="bar-list-name">
              {href ? (
                <KeptLink class="cut" href={href} title={name}>
                  {named(name)}
                </KeptLink>
              ) : (
                <span class="cut" title={name}>
                  {named(name)}
                </span>
              )}
              {detail && <span class="faint small">{detail}</span>}
            </span>
            <span class="number">
              {credits(charged(amount))} <span class="faint small">{total > 0 ? percent(amount / total) : ''}</span>
            </span>
          </div>
          <Track share={amount / largest} tone={isRest ? 'rest' : ''} />
        </li>
      ))}
    </ul>
  )
}

function largestFirst(bars: readonly Bar[]): Bar[] {
  const sorted = [...bars].sort((one, other) => other.amount - one.amount)
  if (sorted.length <= LISTED_MAX + 1) return sorted
  const others = sorted.slice(LISTED_MAX)
  const amount = others.reduce((sum, each) => sum + each.amount, 0)
  return [...sorted.slice(0, LISTED_MAX), { name: `${credits(others.length)} others`, amount, isRest: true }]
}
