import { charged, credits } from '../format.ts'
import { bucketTitle, type Granularity } from '../state/ranges.ts'
import { KeptLink } from './kept-link.tsx'
import type { Layer } from './stack-series.ts'
import { TableScroll } from './table-scroll.tsx'

/** The numbers of a chart as a table, newest first. Empty buckets are left out. */
export function ChartTable({
  label,
  buckets,
  granularity,
  layers,
  hrefOf,
}: {
  label: string
  buckets: readonly Date[]
  granularity: Granularity
  layers: readonly Layer[]
  /** The address that a bucket leads to. */
  hrefOf(start: Date): string
}) {
  const rows = buckets
    .map((start, place) => ({ start, values: layers.map(({ values }) => values[place] ?? 0) }))
    .filter(({ values }) => values.some((value) => value !== 0))
    .reverse()
  return (
    <section class="chart-table" aria-label={label}>
      <TableScroll label="Spend over time">
        <table>
          <thead>
            <tr>
              <th scope="col">{granularity[0]?.toUpperCase() + granularity.slice(1)}, UTC</th>
              {layers.map(({ name }) => (
                <th key={name} scope="col" class="right">
                  {name}
                </th>
              ))}
              <th scope="col" class="right">
                Total
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ start, values }) => (
              <tr key={String(start)}>
                <th scope="row">
                  <KeptLink class="link" href={hrefOf(start)}>
                    {bucketTitle(granularity, start)}
                  </KeptLink>
                </th>
                {values.map((value, place) => (
                  <td key={layers[place]?.name} class="right number">
                    {credits(charged(value))}
                  </td>
                ))}
                <td class="right number">{credits(charged(values.reduce((sum, value) => sum + value, 0)))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </section>
  )
}
