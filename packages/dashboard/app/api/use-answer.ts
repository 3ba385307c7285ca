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
  /** Resolves when that was answered, or failed. */
  askAgain(): Promise<void>
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
  const isUnderWay = useRef(false)
  const waiting = useRef<(() => void)[]>([])
  const latestAsk = useRef(ask)
  latestAsk.current = ask
  useEffect(() => {
    const { question: about } = asked
    const leaving = new AbortController()
    const end = () => {
      isUnderWay.current = false
      setAsking(false)
      for (const resolve of waiting.current.splice(0)) resolve()
    }
    isUnderWay.current = true
    setAsking(true)
    latestAsk.current(leaving.signal).then(
      (data) => {
        if (leaving.signal.aborted) return
        keep({ question: about, data, at: Date.now() })
        end()
      },
      (error: AskError) => {
        if (leaving.signal.aborted) return
        keep((before) => (before.question === about ? { ...before, error } : { question: about, error }))
        end()
      },
    )
    return () => leaving.abort()
  }, [asked])

  const askAgain = useCallback(
    () =>
      new Promise<void>((resolve) => {
        waiting.current.push(resolve)
        setRound((before) => before + 1)
      }),
    [],
  )
  useEffect(() => {
    if (everyMs === undefined) return undefined
    const seen = () => {
      // An answer that takes longer than this is waited for: asking anew would end it, and none would ever come.
      if (document.visibilityState === 'visible' && !isUnderWay.current) setRound((before) => before + 1)
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
