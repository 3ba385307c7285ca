import { useState } from 'preact/hooks'

/**
 * A button that loads the next page. If that fails, it shows why and can be pressed again. It is never `disabled`, because a
 * disabled button loses the focus.
 */
export function Older({ label, read }: { label: string; read(): Promise<void> }) {
  const [isAsking, setAsking] = useState(false)
  const [problem, setProblem] = useState<string>()
  const press = async () => {
    if (isAsking) return
    setAsking(true)
    setProblem(undefined)
    try {
      await read()
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    }
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
        <button type="button" class="button" aria-disabled={isAsking} onClick={press}>
          {isAsking ? 'Loading…' : label}
        </button>
      </div>
    </>
  )
}
