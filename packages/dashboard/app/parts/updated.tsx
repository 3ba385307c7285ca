import { ago } from '../format.ts'
import { Badge } from './badge.tsx'
import { Icon } from './icon.tsx'
import { useNow } from './use-now.ts'

/** Shows when the data arrived, and whether it keeps updating. */
export function Updated({ at, isLive, onToggle }: { at: number | undefined; isLive: boolean; onToggle(): void }) {
  const now = useNow(1_000)
  return (
    <span class="updated">
      <span>{at === undefined ? 'Loading' : `Updated ${now - at < 1_500 ? 'just now' : ago(at, now)}`}</span>
      <Badge tone={isLive ? 'live' : ''}>{isLive ? 'Live' : 'Paused'}</Badge>
      <button type="button" class="button quiet" onClick={onToggle}>
        <Icon name={isLive ? 'pause' : 'play'} size={14} /> {isLive ? 'Pause' : 'Resume'}
      </button>
    </span>
  )
}
