import { useEffect, useState } from 'preact/hooks'
import { Icon } from './icon.tsx'

const CONFIRMED_MS = 2_000

/**
 * A button that copies a text. Absent where the browser gives no clipboard, as on a page without TLS.
 *
 * @param what  what the text is, for screen readers: `the workflow’s id`
 */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const [said, say] = useState('')
  useEffect(() => {
    if (said === '') return undefined
    const forgetting = setTimeout(() => say(''), CONFIRMED_MS)
    return () => clearTimeout(forgetting)
  }, [said])
  if (navigator.clipboard === undefined) return null
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => say('Copied'),
      () => say('Not copied'),
    )
  return (
    <span class="copy">
      <button type="button" class="button quiet" aria-label={`Copy ${what}`} title={`Copy ${what}`} onClick={copy}>
        <Icon name="copy" size={14} />
      </button>
      <span class="small" role="status">
        {said}
      </span>
    </span>
  )
}
