import { scaleBand, scaleLinear } from 'd3-scale'
import { stack, stackOffsetDiverging } from 'd3-shape'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { charged, credits, plural, shortCredits } from '../format.ts'
import { bucketLabel, bucketTitle, type Granularity } from '../state/ranges.ts'
import { ChartTooltip } from './chart-tooltip.tsx'
import type { Layer } from './stack-series.ts'
import { useWidth } from './use-width.ts'

interface Props {
  /** What the chart shows, for screen readers. */
  label: string
  buckets: readonly Date[]
  granularity: Granularity
  layers: readonly Layer[]
  /** Opens what a bar is made of: by a click or the Enter key; on a touch screen by a second tap, as the first shows its numbers. */
  onOpen(start: Date): void
}

const HEIGHT = 264
const MARGIN = { top: 8, right: 6, bottom: 26, left: 46 }
const LABEL_WIDTH = 66

/** Credits over time as stacked bars. A visually hidden slider moves between bars by keyboard and announces what each contains. */
export function BarChart({ label, buckets, granularity, layers, onOpen }: Props) {
  const plot = useRef<HTMLDivElement>(null)
  const width = useWidth(plot)
  const [active, setActive] = useState<number>()
  const opens = useRef(false)
  const tapped = useRef<number>(undefined)
  const press = ({ pointerType }: PointerEvent, place: number) => {
    opens.current = pointerType === 'mouse' || tapped.current === place
    tapped.current = place
    setActive(place)
  }
  // A finger that is lifted leaves at once, and the numbers must stay to be read: a touch elsewhere hides them.
  useEffect(() => {
    const touched = ({ target }: PointerEvent) => {
      if (target instanceof Node && plot.current?.contains(target)) return
      tapped.current = undefined
      setActive(undefined)
    }
    document.addEventListener('pointerdown', touched)
    return () => document.removeEventListener('pointerdown', touched)
  }, [])
  const open = (place: number) => {
    if (buckets[place] !== undefined) onOpen(buckets[place])
  }
  const totals = buckets.map((_, place) => layers.reduce((sum, { values }) => sum + (values[place] ?? 0), 0))
  const x = scaleBand(buckets.map(String), [MARGIN.left, Math.max(MARGIN.left + 1, width - MARGIN.right)])
    .paddingInner(0.28)
    .paddingOuter(0.14)
  const bars = useMemo(() => stacked(layers, buckets.length), [layers, buckets.length])
  // Where more was given back than spent, a bar stands below zero.
  const [lowest, highest] = [Math.min(0, ...bars.map(({ from }) => from)), Math.max(1, ...bars.map(({ to }) => to))]
  const y = scaleLinear([lowest, highest], [HEIGHT - MARGIN.bottom, MARGIN.top]).nice(4)
  const left = (place: number) => x(String(buckets[place])) ?? 0
  const everyLabel = Math.max(1, Math.ceil((buckets.length * LABEL_WIDTH) / Math.max(1, width - MARGIN.left)))
  const last = buckets.length - 1

  const title = active === undefined || buckets[active] === undefined ? undefined : bucketTitle(granularity, buckets[active])
  const said =
    active === undefined || title === undefined ? 'No bar is chosen' : spoken(title, layers, active, totals[active] ?? 0)

  return (
    <div class="chart">
      <input
        class="unseen"
        type="range"
        min={0}
        max={last}
        value={active ?? last}
        aria-label={label}
        aria-valuetext={said}
        onFocus={(event) => isByKeyboard(event) && setActive(last)}
        onInput={(event) => setActive(Number(event.currentTarget.value))}
        onKeyDown={({ key }) => {
          if (key === 'Escape') setActive(undefined)
          if (key === 'Enter') open(active ?? last)
        }}
        onBlur={() => setActive(undefined)}
      />
      <div
        ref={plot}
        class="chart-plot"
        data-active={active === undefined ? undefined : ''}
        onPointerLeave={({ pointerType }) => pointerType === 'mouse' && setActive(undefined)}
      >
        <svg height={HEIGHT} aria-hidden="true">
          {y
            .ticks(4)
            .filter(Number.isInteger)
            .map((tick) => (
              <g key={tick}>
                <line
                  class={tick === 0 ? 'gridline zero' : 'gridline'}
                  x1={MARGIN.left}
                  x2={width - MARGIN.right}
                  y1={y(tick)}
                  y2={y(tick)}
                />
                <text x={MARGIN.left - 10} y={y(tick)} dy="0.34em" text-anchor="end">
                  {shortCredits(tick)}
                </text>
              </g>
            ))}
          {buckets.map((start, place) =>
            (last - place) % everyLabel === 0 ? (
              <text key={String(start)} x={left(place) + x.bandwidth() / 2} y={HEIGHT - 6} text-anchor="middle">
                {bucketLabel(granularity, start)}
              </text>
            ) : null,
          )}
          {bars.map(({ layer, place, from, to, rounded }) => (
            <path
              key={`${layer.name} ${place}`}
              class="bar"
              data-active={place === active ? '' : undefined}
              fill={layer.colour}
              d={barPath({ x: left(place), width: x.bandwidth(), top: y(to), bottom: y(from), rounded })}
            />
          ))}
          {buckets.map((start, place) => (
            <rect
              key={String(start)}
              class="column"
              x={left(place) - (x.step() - x.bandwidth()) / 2}
              y={0}
              width={x.step()}
              height={HEIGHT - MARGIN.bottom}
              onPointerEnter={() => setActive(place)}
              onPointerDown={(event) => press(event, place)}
              onPointerUp={({ button }) => button === 0 && opens.current && open(place)}
            />
          ))}
        </svg>
        {active !== undefined && title !== undefined && (
          <ChartTooltip title={title} layers={layers} place={active} x={left(active) + x.bandwidth() / 2} width={width} />
        )}
      </div>
    </div>
  )
}

function isByKeyboard({ currentTarget }: { currentTarget: HTMLElement }): boolean {
  return currentTarget.matches(':focus-visible')
}

interface StackedBar {
  layer: Layer
  place: number
  from: number
  to: number
  /** Its outer end, if it is the last one of its stack. */
  rounded: 'top' | 'bottom' | undefined
}

function stacked(layers: readonly Layer[], count: number): StackedBar[] {
  const places = Array.from({ length: count }, (_, place) => place)
  const series = stack<number, Layer>()
    .keys(layers)
    .value((place, layer) => layer.values[place] ?? 0)
    .offset(stackOffsetDiverging)(places)
  const tops = places.map((place) => layers.findLastIndex(({ values }) => (values[place] ?? 0) > 0))
  const bottoms = places.map((place) => layers.findLastIndex(({ values }) => (values[place] ?? 0) < 0))
  return series.flatMap((points, index) =>
    points.flatMap(([from, to], place) =>
      to > from
        ? [
            {
              layer: series[index]?.key,
              place,
              from,
              to,
              rounded: tops[place] === index ? 'top' : bottoms[place] === index ? 'bottom' : undefined,
            },
          ]
        : [],
    ),
  ) as StackedBar[]
}

/** Rounds the outer end of a bar, and makes it at least one pixel high, so that a tiny amount stays visible. */
function barPath({
  x,
  width,
  top,
  bottom,
  rounded,
}: {
  x: number
  width: number
  top: number
  bottom: number
  rounded: 'top' | 'bottom' | undefined
}): string {
  const height = Math.max(1, bottom - top)
  const radius = rounded ? Math.min(3.5, width / 2, height) : 0
  const [start, way] = rounded === 'bottom' ? [top, 1] : [bottom, -1]
  const [side, corner] = [way * (height - radius), way * radius]
  return `M${x},${start}v${side}q0,${corner} ${radius},${corner}h${width - 2 * radius}q${radius},0 ${radius},${-corner}v${-side}z`
}

function spoken(title: string, layers: readonly Layer[], place: number, total: number): string {
  const parts = layers
    .filter(({ values }) => (values[place] ?? 0) !== 0)
    .map(({ name, values }) => `${name} ${credits(charged(values[place] ?? 0))}`)
  return `${title}: ${credits(charged(total))} ${plural(charged(total), 'credit')}${parts.length > 1 ? `, of which ${parts.join(', ')}` : ''}`
}
