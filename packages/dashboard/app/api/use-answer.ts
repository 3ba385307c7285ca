import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { session } from '../state/session.ts'
import { AskError, unreadable } from './get-json.ts'

/** The state of a query to the API. */
export interface Answered<Answer> {
  /** The latest answer to this query. It stays while the query is repeated. */
  data: Answer | undefined
  /** Why the latest request failed. */
  error: AskError | undefined
  isAsking: boolean
  /** When the data arrived, in epoch milliseconds. */
  at: number | undefined
  /** Repeats the query. Resolves when it is answered, or with why it failed. */
  askAgain(): Promise<AskError | undefined>
}

interface Kept<Answer> {
  question: string
  data?: Answer
  error?: AskError
  at?: number
}

/**
 * Queries the API, and again whenever the query changes. With `everyMs`, it also polls: not while the tab is hidden, but at once
 * when the tab is visible again, and not before the time that a `Retry-After` names.
 *
 * @param question  identifies the query, so that the answer to another one is never shown
 */
export function useAnswer<Answer>(
  question: string,
  ask: (signal: AbortSignal) => Promise<Answer>,
  { everyMs }: { everyMs?: number } = {},
): Answered<Answer> {
  const { accountId, kind } = session.value ?? {}
  const whole = `${kind} ${accountId} ${question}`
  const [kept, keep] = useState<Kept<Answer>>({ question: whole })
  const [round, setRound] = useState(0)
  const [isAsking, setAsking] = useState(true)
  // A new object in each round, so that the effect repeats an unchanged query.
  const asked = useMemo(() => ({ question: whole, round }), [whole, round])
  const isUnderWay = useRef(false)
  /** Of `performance.now()`. */
  const notBefore = useRef(0)
  const waiting = useRef<((failure: AskError | undefined) => void)[]>([])
  const latestAsk = useRef(ask)
  latestAsk.current = ask
  useEffect(() => {
    const { question: about } = asked
    const leaving = new AbortController()
    const end = (failure?: AskError) => {
      isUnderWay.current = false
      notBefore.current = performance.now() + (failure?.retryAfterMs ?? 0)
      setAsking(false)
      for (const resolve of waiting.current.splice(0)) resolve(failure)
    }
    isUnderWay.current = true
    setAsking(true)
    latestAsk.current(leaving.signal).then(
      (data) => {
        if (leaving.signal.aborted) return
        keep({ question: about, data, at: Date.now() })
        end()
      },
      (reason: unknown) => {
        if (leaving.signal.aborted) return
        // Whatever else is thrown comes from reading an answer without the fields that it should have.
        const error = reason instanceof AskError ? reason : unreadable()
        keep((before) => (before.question === about ? { ...before, error } : { question: about, error }))
        end(error)
      },
    )
    return () => leaving.abort()
  }, [asked])

  const askAgain = useCallback(
    () =>
      new Promise<AskError | undefined>((resolve) => {
        waiting.current.push(resolve)
        setRound((before) => before + 1)
      }),
    [],
  )
  useEffect(() => {
    if (everyMs === undefined) return undefined
    const seen = () => {
      if (document.visibilityState !== 'visible' || performance.now() < notBefore.current) return
      // Wait for an answer that takes longer than `everyMs`: a new round would abort it, and no answer would ever arrive.
      if (!isUnderWay.current) setRound((before) => before + 1)
    }
    const asking = setInterval(seen, everyMs)
    document.addEventListener('visibilitychange', seen)
    return () => {
      clearInterval(asking)
      document.removeEventListener('visibilitychange', seen)
    }
  }, [everyMs])

  const isSame = kept.question === whole
  return {
    data: isSame ? kept.data : undefined,
    error: isSame ? kept.error : undefined,
    at: isSame ? kept.at : undefined,
    isAsking: isAsking || !isSame,
    askAgain,
  }
}
