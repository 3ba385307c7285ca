import type { WorkflowDetails } from '@farebox/client'
import { exactCredits, exactly, percent, serviceName, unitName } from '../format.ts'
import { Nothing } from '../parts/answer-view.tsx'
import { Card } from '../parts/card.tsx'
import { TableScroll } from '../parts/table-scroll.tsx'
import { linkTo } from '../state/account-link.ts'

/** What a workflow used, line by line, and what that cost. */
export function ReceiptRows({ receipt }: { receipt: WorkflowDetails }) {
  const total = exactCredits(receipt.total_credits_used, receipt.total_credits_used_exact)
  const lines = receipt.services_used.map((line) => ({
    ...line,
    amount: exactCredits(line.credits_used, line.credits_used_exact),
  }))
  // The total includes what the workflows below this one cost, and the lines do not.
  const below = Number((total - lines.reduce((sum, { amount }) => sum + amount, 0)).toFixed(6))
  return (
    <Card title="Receipt" note="What was used, and what it cost">
      {lines.length === 0 && below === 0 ? (
        <Nothing title="Nothing was charged yet" hint="Lines appear as its calls are settled." />
      ) : (
        <TableScroll label="Receipt">
          <table>
            <thead>
              <tr>
                <th scope="col">Service</th>
                <th scope="col" class="wide-only">
                  Provider
                </th>
                <th scope="col" class="right">
                  Units
                </th>
                <th scope="col" class="right">
                  Credits
                </th>
                <th scope="col" class="wide-only right">
                  Share
                </th>
              </tr>
            </thead>
            <tbody>
              {lines.map(({ service_type, provider, units_consumed, unit_type, amount }) => (
                <tr key={`${service_type} ${provider} ${unit_type}`}>
                  <th scope="row" class="twofold service">
                    <span>{serviceName(service_type)}</span>
                    <span class="narrow-only">{provider}</span>
                  </th>
                  <td class="wide-only">
                    <a class="link" href={linkTo('prices', { search: `${service_type} ${provider}` })} title="See its prices">
                      {provider}
                    </a>
                  </td>
                  <td class="right">
                    <span class="number">{exactly(units_consumed)}</span>{' '}
                    <span class="faint small">{unitName(units_consumed, unit_type)}</span>
                  </td>
                  <td class="right number">{exactly(amount)}</td>
                  <td class="wide-only right number faint">{total > 0 ? percent(amount / total) : '–'}</td>
                </tr>
              ))}
              {below !== 0 && (
                <tr>
                  <th scope="row">Workflows below it</th>
                  <td class="wide-only" />
                  <td />
                  <td class="right number">{exactly(below)}</td>
                  <td class="wide-only right number faint">{total > 0 ? percent(below / total) : '–'}</td>
                </tr>
              )}
              <tr>
                <th scope="row">Total</th>
                <td class="wide-only" />
                <td />
                <td class="right number">
                  <strong>{exactly(total)}</strong>
                </td>
                <td class="wide-only" />
              </tr>
            </tbody>
          </table>
        </TableScroll>
      )}
    </Card>
  )
}
