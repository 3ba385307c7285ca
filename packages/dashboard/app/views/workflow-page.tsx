import type { WorkflowDetails } from '@farebox/client'
import type { ComponentChildren } from 'preact'
import { getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { credits, duration, exactly, instant, named, plural } from '../format.ts'
import { AnswerView, Outdated, Readable } from '../parts/answer-view.tsx'
import { Badge } from '../parts/badge.tsx'
import { CopyButton } from '../parts/copy-button.tsx'
import { Icon } from '../parts/icon.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { linkTo } from '../state/account-link.ts'
import { addressBackTo, route } from '../state/route.ts'
import { AttemptRows } from './attempt-rows.tsx'
import { Decisions } from './decisions.tsx'
import { useKeyNames } from './key-names.ts'
import { ReceiptRows } from './receipt-rows.tsx'

const EVERY_MS = 10_000

/** One workflow: what it cost, its attempts, and how its providers were chosen. */
export function WorkflowPage() {
  const id = route.value.id ?? ''
  const answered = useAnswer(
    `workflow ${id}`,
    (signal) => getJson<WorkflowDetails>(`/workflows/${encodeURIComponent(id)}`, {}, signal),
    { everyMs: EVERY_MS },
  )
  const workflow = answered.data
  const keyNames = useKeyNames()
  return (
    <>
      <a class="back" href={addressBackTo(linkTo('activity'))}>
        <Icon name="back" size={14} /> Activity
      </a>
      <PageHead
        title={workflow?.workflow_name === undefined ? 'Workflow' : named(workflow.workflow_name)}
        lead={
          <>
            <span class="mono small">{id}</span> <CopyButton text={id} what="the id of the workflow" />
          </>
        }
      />
      {workflow === undefined ? (
        <div class="card">
          <AnswerView of={answered}>{() => null}</AnswerView>
        </div>
      ) : (
        <>
          {answered.error && <Outdated error={answered.error} />}
          <Readable isCard data={workflow} again={answered.askAgain}>
            <Summary workflow={workflow} keyNames={keyNames} />
            <ReceiptRows receipt={workflow} />
            <AttemptRows attempts={workflow.attempts ?? []} />
            <Decisions decisions={workflow.decisions ?? []} />
          </Readable>
        </>
      )}
    </>
  )
}

function Summary({ workflow, keyNames }: { workflow: WorkflowDetails; keyNames: ReadonlyMap<string, string> }) {
  const charged = workflow.total_credits_used_exact ?? workflow.total_credits_used
  return (
    <section class="card" aria-label="Summary">
      <div class="card-body">
        <dl class="facts">
          <Fact name="Charged">{`${exactly(charged)} ${plural(Number(charged), 'credit')}`}</Fact>
          <Fact name="State">
            <Badge tone={workflow.state === 'open' ? 'live' : ''}>{workflow.state === 'open' ? 'Open' : 'Closed'}</Badge>
          </Fact>
          <Fact name="Opened">{instant(workflow.created_at)}</Fact>
          <Fact name="Duration">{duration(workflow.duration)}</Fact>
          <Fact name="Attempts">{credits(workflow.attempts?.length ?? 0)}</Fact>
          <Fact name="Key">
            {workflow.api_key === null ? (
              'none'
            ) : (
              <Spender by="key" id={workflow.api_key} name={keyNames.get(workflow.api_key)} />
            )}
          </Fact>
          <Fact name="User">{workflow.user_id === null ? 'none' : <Spender by="user" id={workflow.user_id} />}</Fact>
          <Fact name="Price books">{workflow.price_versions?.join(', ') ?? 'none'}</Fact>
          {workflow.shortfall !== undefined && (
            <Fact name="Not covered by the balance">{exactly(workflow.shortfall_exact ?? workflow.shortfall)}</Fact>
          )}
        </dl>
      </div>
    </section>
  )
}

/** A key or a user, with a link to its workflows. */
function Spender({ by, id, name = id }: { by: 'key' | 'user'; id: string; name?: string }) {
  return (
    <a class="link" href={linkTo('activity', { [by]: id })} title="See its workflows">
      {named(name)}
    </a>
  )
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
