import type { Price, PriceList } from '@farebox/client'
import { getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { exactly, plural, serviceName, unitName } from '../format.ts'
import { AnswerView, Nothing } from '../parts/answer-view.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { TableScroll } from '../parts/table-scroll.tsx'
import { route, setQuery } from '../state/route.ts'

/** Prices begin and end by date, also while somebody looks. */
const EVERY_MS = 60_000

/** The price list, with a search field. */
export function Prices() {
  const search = route.value.query.get('search') ?? ''
  const answered = useAnswer('prices', (signal) => getJson<PriceList>('/prices', {}, signal), { everyMs: EVERY_MS })
  return (
    <>
      <PageHead
        title="Prices"
        lead={answered.data?.price_version ? `In force now, from price book ${answered.data.price_version}.` : 'In force now.'}
      />
      <section class="card" aria-label="Prices">
        <div class="card-head">
          <label>
            <span class="unseen">Search prices</span>
            <input
              class="field search"
              type="search"
              placeholder="Service, provider or model"
              value={search}
              onInput={(event) => setQuery({ search: event.currentTarget.value })}
            />
          </label>
        </div>
        <AnswerView
          of={answered}
          ghosts={8}
          empty={{
            title: 'No prices',
            hint: 'The price book of this server has no price in force now.',
            when: ({ prices }) => prices.length === 0,
          }}
        >
          {({ prices }) => <PriceRows prices={prices.filter((price) => matches(price, search))} />}
        </AnswerView>
      </section>
    </>
  )
}

function PriceRows({ prices }: { prices: readonly Price[] }) {
  return (
    <>
      <p class="unseen" role="status">
        {prices.length} {plural(prices.length, 'price')}
      </p>
      {prices.length === 0 ? (
        <Nothing title="No price matches" hint="Every word must occur in the service, the provider or the model." />
      ) : (
        <TableScroll label="Prices">
          <table>
            <thead>
              <tr>
                <th scope="col">Provider</th>
                <th scope="col" class="wide-only">
                  Service
                </th>
                <th scope="col" class="wide-only">
                  Meter
                </th>
                <th scope="col" class="wide-only">
                  Rules
                </th>
                <th scope="col" class="right">
                  Credits
                </th>
                <th scope="col">Per</th>
              </tr>
            </thead>
            <tbody>
              {prices.map(({ service_type, provider, model, meter, credits: amount, per, unit_type, rules }, place) => (
                <tr key={`${service_type} ${provider} ${model} ${meter} ${place}`}>
                  <th scope="row" class="twofold">
                    <span>{provider}</span>
                    {model && model !== provider && <span>{model}</span>}
                    <span class="narrow-only">{[serviceName(service_type), meter].filter(Boolean).join(' · ')}</span>
                  </th>
                  <td class="wide-only">{serviceName(service_type)}</td>
                  <td class="wide-only faint">{meter ?? 'usage'}</td>
                  <td class="wide-only faint small">
                    {rules
                      ? Object.keys(rules)
                          .map((rule) => rule.replaceAll('_', ' '))
                          .join(', ')
                      : '–'}
                  </td>
                  <td class="right number">{exactly(amount)}</td>
                  <td class="faint">{Number(per) === 1 ? unitName(per, unit_type) : `${exactly(per)} ${unit_type}`}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableScroll>
      )}
    </>
  )
}

function matches({ service_type, provider, model, meter }: Price, search: string): boolean {
  const text = [service_type, serviceName(service_type), provider, model, meter].join(' ').toLowerCase()
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}
