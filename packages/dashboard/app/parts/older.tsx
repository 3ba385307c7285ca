import { useRef, useState } from 'preact/hooks'
import type { AskError } from '../api/get-json.ts'
import { useFocusKept } from './use-focus-kept.ts'

/**
 * A button that shows the next page. If that fails, it shows why and can be pressed again. It is never `disabled`, because a
 * disabled button loses the focus.
 */
export function Older({ label, read }: { label: string; read(): Promise<AskError | undefined> }) {
  const [isAsking, setAsking] = useState(false)
  const [problem, setProblem] = useState<string>()
  const button = useRef<HTMLButtonElement>(null)
  useFocusKept(button)
  const press = async () => {
    if (isAsking) return
    setAsking(true)
    setProblem(undefined)
    setProblem((await read())?.message)
    setAsking(false)
  }
  return (
    <>
      {problem && (
        <p class="banner" role="alert">
          {problem}
        </p>
      )}
      <div class="more">
        <button ref={button} type="button" class="button" aria-disabled={isAsking} onClick={press}>
          {isAsking ? 'Loading…' : label}
        </button>
      </div>
    </>
  )
}
