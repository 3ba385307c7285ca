import type { ComponentChildren } from 'preact'
import { useErrorBoundary, useRef } from 'preact/hooks'
import { type AskError, unreadable } from '../api/get-json.ts'
import type { Answered } from '../api/use-answer.ts'
import { Icon } from './icon.tsx'
import { useFocusKept } from './use-focus-kept.ts'

interface Props<Answer> {
  of: Answered<Answer>
  /** What to show if there is nothing, with a hint on what to do. */
  empty?: { title: string; hint: ComponentChildren; when(data: Answer): boolean }
  /** The number of placeholder lines while loading. */
  ghosts?: number
  children(data: Answer): ComponentChildren
}

/** Shows what the API answered. Until then it shows placeholders, or why the request failed and a way to retry. */
export function AnswerView<Answer>({ of, empty, ghosts = 4, children }: Props<Answer>) {
  if (of.data === undefined) {
    return of.error ? <Failure error={of.error} again={of.askAgain} /> : <Ghosts lines={ghosts} />
  }
  return (
    <>
      {of.error && (
        <div class="card-body">
          <Outdated error={of.error} />
        </div>
      )}
      <Readable data={of.data} again={of.askAgain}>
        <Drawn data={of.data} empty={empty}>
          {children}
        </Drawn>
      </Readable>
    </>
  )
}

/** Shows a failure in place of what cannot be drawn from an answer, until another one arrives or the user tries again. */
export function Readable({
  data,
  again,
  isCard = false,
  children,
}: {
  data?: unknown
  again?(): void
  /** Whether the failure needs a card of its own. */
  isCard?: boolean
  children: ComponentChildren
}) {
  const latest = useRef(data)
  latest.current = data
  const failed = useRef<unknown>(undefined)
  const [error, forget] = useErrorBoundary(() => {
    failed.current = latest.current
  })
  // Try only other data: the same would fail again, without end. This is no effect: one would forget a failure to draw new data
  // before it is shown, and the next one would take the whole page with it.
  if (error === undefined || failed.current !== data) return <>{children}</>
  const retry = () => {
    forget()
    again?.()
  }
  const failure = <Failure error={unreadable()} again={retry} />
  return isCard ? <div class="card">{failure}</div> : failure
}

function Drawn<Answer>({ data, empty, children }: Pick<Props<Answer>, 'empty' | 'children'> & { data: Answer }) {
  return <>{empty?.when(data) ? <Nothing title={empty.title} hint={empty.hint} /> : children(data)}</>
}

/** A warning that the data shown is outdated, because the latest request failed. */
export function Outdated({ error }: { error: AskError }) {
  return (
    <p class="banner" role="alert">
      Not up to date: {error.message}.
    </p>
  )
}

/** A notice that there is nothing to show. */
export function Nothing({ title, hint }: { title: string; hint: ComponentChildren }) {
  return (
    <div class="notice">
      <Icon name="empty" size={26} />
      <strong>{title}</strong>
      <p>{hint}</p>
    </div>
  )
}

function Failure({ error, again }: { error: AskError; again(): void }) {
  const notice = useRef<HTMLDivElement>(null)
  useFocusKept(notice)
  return (
    <div ref={notice} class="notice" role="alert">
      <Icon name="broken" size={26} />
      <strong>{titleOf(error)}</strong>
      <p>{error.message}</p>
      <p class="faint small">{fixOf(error)}</p>
      <button type="button" class="button" onClick={again}>
        <Icon name="refresh" size={15} /> Try again
      </button>
    </div>
  )
}

function Ghosts({ lines }: { lines: number }) {
  return (
    <div class="ghosts" aria-busy="true">
      <span class="unseen">Loading</span>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} class="ghost" aria-hidden="true" style={{ height: '16px', width: `${92 - ((index * 17) % 40)}%` }} />
      ))}
    </div>
  )
}

function titleOf({ status }: AskError): string {
  if (status === 0) return 'No answer'
  if (status === 404) return 'Not found'
  if (status === 403) return 'Not allowed'
  return 'This could not be loaded'
}

function fixOf({ status, code }: AskError): string {
  if (status === 0) return 'Check that the server is running and that your network is up.'
  if (status === 404) return 'It may belong to another account, or the server may be older than this dashboard.'
  if (code === 'UNREADABLE_ANSWER')
    return 'The server may be of another version than this dashboard, or a proxy between them may have changed the answer.'
  if (code === 'TOO_MUCH_TO_SHOW') return 'Choose a shorter time, or group by something that has fewer names.'
  if (status === 429) return 'Wait a moment before trying again.'
  if (status >= 500) return `The server has logged what went wrong (${code}).`
  return `The error code is ${code}.`
}
