import type { WorkflowListing, WorkflowPage } from '@farebox/client'
import { useRef, useState } from 'preact/hooks'
import { getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { AnswerView } from '../parts/answer-view.tsx'
import { Older } from '../parts/older.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { Segmented } from '../parts/segmented.tsx'
import { Updated } from '../parts/updated.tsx'
import { route, setQuery } from '../state/route.ts'
import { WorkflowRows } from './workflow-rows.tsx'

const PAGE = 50
const EVERY_MS = 4_000

type State = 'all' | 'open' | 'closed'
const states: readonly (readonly [state: State, label: string])[] = [
  ['all', 'All'],
  ['open', 'Open'],
  ['closed', 'Closed'],
]

/** Workflows as they come, the newest first. */
export function Activity() {
  const [isLive, setLive] = useState(true)
  const { query } = route.value
  const name = query.get('name') ?? ''
  const state = states.find(([each]) => each === query.get('state'))?.[0] ?? 'all'
  const filter = { workflow_name: name || undefined, state: state === 'all' ? undefined : state }
  const question = `workflows ${name} ${state}`
  const answered = useAnswer(question, (signal) => getJson<WorkflowPage>('/workflows', { ...filter, limit: PAGE }, signal), {
    everyMs: isLive ? EVERY_MS : undefined,
  })
  return (
    <>
      <PageHead title="Activity" lead="Every workflow of this account, the newest first.">
        <Updated at={answered.at} isLive={isLive} onToggle={() => setLive(!isLive)} />
      </PageHead>
      <section class="card" aria-label="Workflows">
        <div class="card-head">
          <search>
            <form class="controls" onSubmit={search}>
              <label>
                <span class="unseen">Name of workflows</span>
                <input
                  key={name}
                  class="field search"
                  type="search"
                  name="name"
                  placeholder="Name of a workflow, whole"
                  defaultValue={name}
                  onInput={clearWhenEmpty}
                />
              </label>
              <button type="submit" class="button">
                Filter
              </button>
            </form>
          </search>
          <Segmented
            label="State"
            value={state}
            options={states}
            onChange={(next) => setQuery({ state: next === 'all' ? undefined : next })}
          />
        </div>
        <AnswerView
          of={answered}
          ghosts={8}
          empty={{
            title: 'No workflows',
            hint:
              name || state !== 'all'
                ? 'None is of this name and state. Names are compared as a whole.'
                : 'They appear here as soon as the first call is made with a key of this account.',
            when: ({ workflows }) => workflows.length === 0,
          }}
        >
          {(page) => <Pages key={question} first={page} filter={filter} />}
        </AnswerView>
      </section>
    </>
  )
}

/** The first page, which is asked for again and again, and those after it, which are read once. */
function Pages({ first, filter }: { first: WorkflowPage; filter: Record<string, string | undefined> }) {
  const [older, setOlder] = useState<WorkflowListing[]>([])
  const [cursor, setCursor] = useState(first.next_cursor)
  const known = useRef(new Set(first.workflows.map(({ workflow_id }) => workflow_id)))
  // A workflow that was on the first page when the second was read may have moved on since: it is kept, once.
  const seen = useRef(new Map<string, WorkflowListing>())
  for (const workflow of [...older, ...first.workflows]) seen.current.set(workflow.workflow_id, workflow)
  const rows = [...seen.current.values()].sort((one, other) =>
    one.created_at < other.created_at ? 1 : one.created_at > other.created_at ? -1 : 0,
  )

  const more = async () => {
    const page = await getJson<WorkflowPage>('/workflows', { ...filter, limit: PAGE, cursor: cursor ?? undefined })
    for (const { workflow_id } of page.workflows) known.current.add(workflow_id)
    setOlder((before) => [...before, ...page.workflows])
    setCursor(page.next_cursor)
  }
  return (
    <>
      <WorkflowRows workflows={rows} isNew={({ workflow_id }) => !known.current.has(workflow_id)} />
      {cursor && <Older label="Older workflows" read={more} />}
    </>
  )
}

function search(event: SubmitEvent): void {
  event.preventDefault()
  if (event.currentTarget instanceof HTMLFormElement)
    setQuery({ name: String(new FormData(event.currentTarget).get('name') ?? '').trim() })
}

function clearWhenEmpty(event: Event): void {
  if (event.currentTarget instanceof HTMLInputElement && event.currentTarget.value === '') setQuery({ name: undefined })
}
