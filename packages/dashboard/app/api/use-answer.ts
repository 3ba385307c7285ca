import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { session } from '../state/session.ts'
import type { AskError } from './get-json.ts'

/** What is known of a question that was put to the API. */
export interface Answered<Answer> {
  /** The latest answer to this very question; kept while it is asked again. */
  data: Answer | undefined
  /** Why the latest asking failed. */
  error: AskError | undefined
  isAsking: boolean
  /** When the data came, epoch milliseconds. */
  at: number | undefined
  askAgain(): void
}

interface Kept<Answer> {
  question: string
  data?: Answer
  error?: AskError
  at?: number
}

/**
 * Puts a question to the API, again whenever it changes, and every so often where that is asked for: not while nobody looks at the tab, and
 * at once when somebody does again.
 *
 * @param question  names what is asked, so that an answer to another one is never shown
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
  // Made anew with each round, so that the same is asked again.
  const asked = useMemo(() => ({ question: whole, round }), [whole, round])
  const latestAsk = useRef(ask)
  latestAsk.current = ask
  useEffect(() => {
    const { question: about } = asked
    const leaving = new AbortController()
    setAsking(true)
    latestAsk.current(leaving.signal).then(
      (data) => {
        if (leaving.signal.aborted) return
        keep({ question: about, data, at: Date.now() })
        setAsking(false)
      },
      (error: AskError) => {
        if (leaving.signal.aborted) return
        keep((before) => (before.question === about ? { ...before, error } : { question: about, error }))
        setAsking(false)
      },
    )
    return () => leaving.abort()
  }, [asked])

  const askAgain = useCallback(() => setRound((before) => before + 1), [])
  useEffect(() => {
    if (everyMs === undefined) return undefined
    const asking = setInterval(() => {
      if (document.visibilityState === 'visible') askAgain()
    }, everyMs)
    const seen = () => {
      if (document.visibilityState === 'visible') askAgain()
    }
    document.addEventListener('visibilitychange', seen)
    return () => {
      clearInterval(asking)
      document.removeEventListener('visibilitychange', seen)
    }
  }, [everyMs, askAgain])

  const isSame = kept.question === whole
  return {
    data: isSame ? kept.data : undefined,
    error: isSame ? kept.error : undefined,
    at: isSame ? kept.at : undefined,
    isAsking: isAsking || !isSame,
    askAgain,
  }
}
