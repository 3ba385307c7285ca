import type { WorkflowListing, WorkflowPage } from '@farebox/client'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { type AskError, getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { charged, credits, exactCredits, named, plural, utc } from '../format.ts'
import { AnswerView } from '../parts/answer-view.tsx'
import { Icon } from '../parts/icon.tsx'
import { Older } from '../parts/older.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { Segmented } from '../parts/segmented.tsx'
import { Updated } from '../parts/updated.tsx'
import { useFocusKept } from '../parts/use-focus-kept.ts'
import { route, setQuery } from '../state/route.ts'
import { useKeyNames } from './key-names.ts'
import { WorkflowRows } from './workflow-rows.tsx'

const PAGE = 50
/** The most workflows that the API returns at once. */
const LIMIT_MAX = 1_000
const EVERY_MS = 4_000
/** How many of the most expensive workflows are shown, out of the newest {@link LIMIT_MAX}. */
const COSTLIEST_MAX = 100
/** Finding them reads far more. */
const COSTLIEST_EVERY_MS = 15_000

type State = 'all' | 'open' | 'closed'
const states: readonly (readonly [state: State, label: string])[] = [
  ['all', 'All'],
  ['open', 'Open'],
  ['closed', 'Closed'],
]

type Order = 'time' | 'credits'
const orders: readonly (readonly [order: Order, label: string])[] = [
  ['time', 'Newest'],
  ['credits', 'Most credits'],
]

/** The account's workflows, updated live: the newest or the most expensive first. */
export function Activity() {
  const [isLive, setLive] = useState(true)
  const { query } = route.value
  const name = query.get('name') ?? ''
  const state = states.find(([each]) => each === query.get('state'))?.[0] ?? 'all'
  const order = orders.find(([each]) => each === query.get('sort'))?.[0] ?? 'time'
  const isByTime = order === 'time'
  const [key, user] = [query.get('key') ?? '', query.get('user') ?? '']
  const [from, to] = [timeOf(query.get('from')), timeOf(query.get('to'))]
  const filter = {
    workflow_name: name || undefined,
    state: state === 'all' ? undefined : state,
    api_key: key || undefined,
    user_id: user || undefined,
    from,
    to,
  }
  const isFiltered = Object.values(filter).some((each) => each !== undefined)
  const question = `workflows ${order} ${JSON.stringify(filter)}`
  const firstCount = isByTime ? PAGE : LIMIT_MAX
  // Each poll reloads all workflows shown, so that one that has closed shows as closed, wherever it stands.
  const shown = useRef({ question, count: firstCount })
  if (shown.current.question !== question) shown.current = { question, count: firstCount }
  const answered = useAnswer(question, (signal) => readWorkflows(filter, shown.current.count, signal), {
    everyMs: isLive ? (isByTime ? EVERY_MS : COSTLIEST_EVERY_MS) : undefined,
  })
  const keyNames = useKeyNames()
  const field = useRef<HTMLInputElement>(null)
  // The field follows the address, and is otherwise its writer's: a refresh must not undo what is being written.
  useLayoutEffect(() => {
    if (field.current) field.current.value = name
  }, [name])
  const more = () => {
    shown.current.count += PAGE
    return answered.askAgain()
  }
  return (
    <>
      <PageHead title="Activity" lead={`Workflows of this account, ${isByTime ? 'newest' : 'most credits'} first.`}>
        <Updated of={answered} isLive={isLive} onToggle={() => setLive(!isLive)} />
      </PageHead>
      <section class="card" aria-label="Workflows">
        <div class="card-head">
          <search>
            <form class="controls" onSubmit={search}>
              <label>
                <span class="unseen">Workflow name</span>
                <input
                  ref={field}
                  class="field search"
                  type="search"
                  name="name"
                  placeholder="Exact workflow name"
                  onInput={clearWhenEmpty}
                />
              </label>
              <button type="submit" class="button">
                Filter
              </button>
            </form>
          </search>
          <div class="controls">
            <Segmented
              label="State"
              value={state}
              options={states}
              onChange={(next) => setQuery({ state: next === 'all' ? undefined : next })}
            />
            <Segmented
              label="Order"
              value={order}
              options={orders}
              onChange={(next) => setQuery({ sort: next === 'time' ? undefined : next })}
            />
          </div>
        </div>
        {(from || to || key || user) && (
          <ul class="chips" aria-label="Filters">
            {(from || to) && <Chip text={`Opened ${spanOf(from, to)}`} without={{ from: undefined, to: undefined }} />}
            {key && <Chip text={`Key ${key}`} without={{ key: undefined }} />}
            {user && <Chip text={`User ${named(user)}`} without={{ user: undefined }} />}
          </ul>
        )}
        <AnswerView
          of={answered}
          ghosts={8}
          empty={{
            title: 'No workflows',
            hint: isFiltered
              ? 'No workflow matches all filters. Remove one to see more; a name must match exactly.'
              : 'They appear here as soon as this account makes its first call.',
            when: ({ workflows }) => workflows.length === 0,
          }}
        >
          {(page) =>
            isByTime ? (
              <Rows key={question} page={page} keyNames={keyNames} more={more} />
            ) : (
              <Costliest
                page={page}
                keyNames={keyNames}
                isThinned={name !== '' || state !== 'all' || key !== '' || user !== ''}
              />
            )
          }
        </AnswerView>
      </section>
    </>
  )
}

/** Reads the newest `count` workflows, and the cursor of those that follow. */
async function readWorkflows(
  filter: Record<string, string | undefined>,
  count: number,
  signal: AbortSignal,
): Promise<WorkflowPage> {
  const workflows: WorkflowListing[] = []
  let cursor: string | undefined
  do {
    const limit = Math.min(LIMIT_MAX, count - workflows.length)
    const page = await getJson<WorkflowPage>('/workflows', { ...filter, limit, cursor }, signal)
    workflows.push(...page.workflows)
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined && workflows.length < count)
  return { workflows, next_cursor: cursor ?? null }
}

function Costliest({
  page,
  keyNames,
  isThinned,
}: {
  page: WorkflowPage
  keyNames: ReadonlyMap<string, string>
  /** Whether a filter may leave out a workflow and list those above and below it. */
  isThinned: boolean
}) {
  const { workflows } = page
  const sorted = [...workflows].sort((one, other) => costOf(other) - costOf(one))
  // What a workflow cost includes the workflows below it.
  const listed = new Set(workflows.map(({ workflow_id }) => workflow_id))
  const tops = workflows.filter(({ parent_workflow_id }) => !parent_workflow_id || !listed.has(parent_workflow_id))
  const total = charged(tops.reduce((sum, workflow) => sum + costOf(workflow), 0))
  // Where a filter leaves out the one between them, a workflow may be counted alone and in one before it that it is part of.
  const mayRepeat =
    isThinned &&
    tops.some(
      (each) => each.parent_workflow_id && workflows.some((other) => other !== each && other.created_at <= each.created_at),
    )
  const ofThese = page.next_cursor ? `the newest ${credits(workflows.length)}` : `${credits(workflows.length)}`
  return (
    <>
      <p class="card-note faint small" role="status">
        {sorted.length > COSTLIEST_MAX && `The ${COSTLIEST_MAX} most expensive of `}
        {ofThese} {plural(workflows.length, 'workflow')}, which cost {mayRepeat && 'at most '}
        {credits(total)} {plural(total, 'credit')} in all
      </p>
      <WorkflowRows workflows={sorted.slice(0, COSTLIEST_MAX)} keyNames={keyNames} isNew={() => false} />
    </>
  )
}

function costOf({ total_credits_used, total_credits_used_exact }: WorkflowListing): number {
  return exactCredits(total_credits_used, total_credits_used_exact)
}

function Rows({
  page,
  keyNames,
  more,
}: {
  page: WorkflowPage
  keyNames: ReadonlyMap<string, string>
  more(): Promise<AskError | undefined>
}) {
  const newestAtFirst = useRef(page.workflows[0]?.created_at ?? '')
  return (
    <>
      <WorkflowRows
        workflows={page.workflows}
        keyNames={keyNames}
        isNew={({ created_at }) => created_at > newestAtFirst.current}
      />
      {page.next_cursor && <Older label="Older workflows" read={more} />}
    </>
  )
}

/** A filter with a button that removes it. */
function Chip({ text, without }: { text: string; without: Record<string, undefined> }) {
  const button = useRef<HTMLButtonElement>(null)
  useFocusKept(button)
  return (
    <li class="chip">
      <span>{text}</span>
      <button
        ref={button}
        type="button"
        aria-label={`Remove the filter: ${text}`}
        title="Remove this filter"
        onClick={() => setQuery(without)}
      >
        <Icon name="close" size={13} />
      </button>
    </li>
  )
}

/** A time of an address, which may contain anything. */
function timeOf(text: string | null): string | undefined {
  const at = new Date(text ?? Number.NaN)
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString()
}

function spanOf(from: string | undefined, to: string | undefined): string {
  if (from && to) return `from ${utc(from)} to ${utc(to)} UTC`
  return from ? `since ${utc(from)} UTC` : `before ${utc(to ?? '')} UTC`
}

function search(event: SubmitEvent): void {
  event.preventDefault()
  if (event.currentTarget instanceof HTMLFormElement)
    setQuery({ name: String(new FormData(event.currentTarget).get('name') ?? '').trim() })
}

function clearWhenEmpty(event: Event): void {
  if (event.currentTarget instanceof HTMLInputElement && event.currentTarget.value === '') setQuery({ name: undefined })
}
