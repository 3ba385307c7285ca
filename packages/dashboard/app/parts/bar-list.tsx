import { credits, percent } from '../format.ts'
import { Track } from './track.tsx'

export interface Bar {
  name: string
  detail?: string
  amount: number
  href?: string
}

/** Amounts of credits, the largest first, each with its share of them all. */
export function BarList({ bars, total }: { bars: readonly Bar[]; total: number }) {
  const largest = Math.max(1, ...bars.map(({ amount }) => amount))
  return (
    <ul class="bar-list">
      {bars.map(({ name, detail, amount, href }) => (
        <li key={name + detail}>
          <div class="bar-list-line">
            <span class="bar-list-name">
              {href ? (
                <a class="cut" href={href} title={name}>
                  {name}
                </a>
              ) : (
                <span class="cut" title={name}>
                  {name}
                </span>
              )}
              {detail && <span class="faint small">{detail}</span>}
            </span>
            <span class="number">
              {credits(amount)} <span class="faint small">{total > 0 ? percent(amount / total) : ''}</span>
            </span>
          </div>
          <Track share={amount / largest} />
        </li>
      ))}
    </ul>
  )
}
