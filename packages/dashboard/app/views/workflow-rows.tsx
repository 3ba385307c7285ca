import type { WorkflowListing } from '@farebox/client'
import { credits, duration, instant, named, since } from '../format.ts'
import { Badge } from '../parts/badge.tsx'
import { KeptLink } from '../parts/kept-link.tsx'
import { TableScroll } from '../parts/table-scroll.tsx'
import { useNow } from '../parts/use-now.ts'
import { linkTo } from '../state/account-link.ts'

/**
 * A table of workflows. Each row links to its workflow.
 *
 * @param keyNames  the names of the keys, by prefix
 */
export function WorkflowRows({
  workflows,
  keyNames,
  isNew,
}: {
  workflows: readonly WorkflowListing[]
  keyNames: ReadonlyMap<string, string>
  isNew(workflow: WorkflowListing): boolean
}) {
  const now = useNow(5_000)
  return (
    <TableScroll label="Workflows">
      <table>
        <thead>
          <tr>
            <th scope="col">Workflow</th>
            <th scope="col">State</th>
            <th scope="col" class="wide-only">
              Key
            </th>
            <th scope="col" class="wide-only">
              User
            </th>
            <th scope="col" class="wide-only">
              Opened
            </th>
            <th scope="col" class="wide-only right">
              Took
            </th>
            <th scope="col" class="right">
              Credits
            </th>
          </tr>
        </thead>
        <tbody>
          {workflows.map((workflow) => {
            const { workflow_id, workflow_name, state, total_credits_used, held, created_at, closed_at, user_id, api_key } =
              workflow
            return (
              <tr key={workflow_id} class={isNew(workflow) ? 'linked fresh' : 'linked'}>
                <th scope="row" class="twofold">
                  <span>
                    <KeptLink href={linkTo('workflows', {}, workflow_id)}>{named(workflow_name)}</KeptLink>
                  </span>
                  <span class="narrow-only">{since(created_at, now)}</span>
                  <span class="wide-only mono">{workflow_id}</span>
                </th>
                <td>
                  <Badge tone={state === 'open' ? 'live' : ''}>{state === 'open' ? 'Open' : 'Closed'}</Badge>
                </td>
                <td class="wide-only free faint" title={api_key ?? undefined}>
                  {api_key === null ? '–' : (keyNames.get(api_key) ?? <span class="mono">{api_key}</span>)}
                </td>
                <td class="wide-only free faint">{user_id ?? '–'}</td>
                <td class="wide-only faint number" title={instant(created_at)}>
                  {since(created_at, now)}
                </td>
                <td class="wide-only faint right number">
                  {closed_at === null ? '–' : duration((new Date(closed_at).getTime() - new Date(created_at).getTime()) / 1000)}
                </td>
                <td class="right number">
                  {credits(total_credits_used)}
                  {held > 0 && <span class="wide-only faint small"> +{credits(held)} held</span>}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </TableScroll>
  )
}
