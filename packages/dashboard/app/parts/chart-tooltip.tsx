import { charged, credits } from '../format.ts'
import type { Layer } from './stack-series.ts'

interface Props {
  title: string
  layers: readonly Layer[]
  /** The index of the bucket that it describes. */
  place: number
  /** The middle of its bar, and the width of the plot, in CSS pixels. */
  x: number
  width: number
}

const WIDTH = 216
const GAP = 14

/** Shows beside a bar what the bar is made of. Screen readers skip it, because the chart announces the same. */
export function ChartTooltip({ title, layers, place, x, width }: Props) {
  const used = layers.filter(({ values }) => (values[place] ?? 0) !== 0)
  const total = used.reduce((sum, { values }) => sum + (values[place] ?? 0), 0)
  const left = x + GAP + WIDTH > width ? Math.max(0, x - GAP - WIDTH) : x + GAP
  return (
    <div class="tooltip" aria-hidden="true" style={{ left: `${left}px`, width: `${WIDTH}px` }}>
      <strong>{title}</strong>
      {used.length === 0 && <p class="faint">Nothing was used</p>}
      {used.map(({ name, colour, values }) => (
        <div key={name} class="tooltip-line">
          <span class="swatch" style={{ background: colour }} />
          <span class="cut">{name}</span>
          <span class="number">{credits(charged(values[place] ?? 0))}</span>
        </div>
      ))}
      {used.length > 1 && (
        <div class="tooltip-line total">
          <span />
          <span>Total</span>
          <span class="number">{credits(charged(total))}</span>
        </div>
      )}
    </div>
  )
}
