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
/** The most workflows that the API returns at once. */
const LIMIT_MAX = 1_000
const EVERY_MS = 4_000

type State = 'all' | 'open' | 'closed'
const states: readonly (readonly [state: State, label: string])[] = [
  ['all', 'All'],
  ['open', 'Open'],
  ['closed', 'Closed'],
]

/** The account's workflows, newest first, updated live. */
export function Activity() {
  const [isLive, setLive] = useState(true)
  const { query } = route.value
  const name = query.get('name') ?? ''
  const state = states.find(([each]) => each === query.get('state'))?.[0] ?? 'all'
  const filter = { workflow_name: name || undefined, state: state === 'all' ? undefined : state }
  const question = `workflows ${name} ${state}`
  // Each poll reloads all workflows shown, so that one that has closed shows as closed, wherever it stands.
  const shown = useRef({ question, count: PAGE })
  if (shown.current.question !== question) shown.current = { question, count: PAGE }
  const answered = useAnswer(question, (signal) => readWorkflows(filter, shown.current.count, signal), {
    everyMs: isLive ? EVERY_MS : undefined,
  })
  const more = () => {
    shown.current.count += PAGE
    return answered.askAgain()
  }
  return (
    <>
      <PageHead title="Activity" lead="All workflows of this account, newest first.">
        <Updated at={answered.at} isLive={isLive} onToggle={() => setLive(!isLive)} />
      </PageHead>
      <section class="card" aria-label="Workflows">
        <div class="card-head">
          <search>
            <form class="controls" onSubmit={search}>
              <label>
                <span class="unseen">Workflow name</span>
                <input
                  key={name}
                  class="field search"
                  type="search"
                  name="name"
                  placeholder="Exact workflow name"
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
                ? 'No workflow has this name and state. The name must match exactly.'
                : 'They appear here as soon as this account makes its first call.',
            when: ({ workflows }) => workflows.length === 0,
          }}
        >
          {(page) => <Rows key={question} page={page} more={more} />}
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

function Rows({ page, more }: { page: WorkflowPage; more(): Promise<void> }) {
  const newestAtFirst = useRef(page.workflows[0]?.created_at ?? '')
  return (
    <>
      <WorkflowRows workflows={page.workflows} isNew={({ created_at }) => created_at > newestAtFirst.current} />
      {page.next_cursor && <Older label="Older workflows" read={more} />}
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
