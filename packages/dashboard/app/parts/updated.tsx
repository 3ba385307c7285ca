import type { Answered } from '../api/use-answer.ts'
import { ago } from '../format.ts'
import { Badge } from './badge.tsx'
import { Icon } from './icon.tsx'
import { useNow } from './use-now.ts'

interface Props {
  of: Pick<Answered<unknown>, 'at' | 'error'>
  isLive: boolean
  onToggle(): void
}

/** Shows when the data arrived, and whether it keeps updating. */
export function Updated({ of: { at, error }, isLive, onToggle }: Props) {
  const now = useNow(1_000)
  const missing = error ? 'Not loaded' : 'Loading'
  return (
    <span class="updated">
      <span>{at === undefined ? missing : `Updated ${now - at < 1_500 ? 'just now' : ago(at, now)}`}</span>
      <Badge tone={isLive ? 'live' : ''}>{isLive ? 'Live' : 'Paused'}</Badge>
      <button type="button" class="button quiet" onClick={onToggle}>
        <Icon name={isLive ? 'pause' : 'play'} size={14} /> {isLive ? 'Pause' : 'Resume'}
      </button>
    </span>
  )
}
