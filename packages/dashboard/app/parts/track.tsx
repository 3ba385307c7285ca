/**
 * A share from 0 to 1 as a bar. Zero draws no bar, and even a tiny share a visible one. Screen readers skip it, because the number
 * stands beside it.
 */
export function Track({ share, tone = '' }: { share: number; tone?: 'bad' | 'warn' | 'rest' | '' }) {
  return (
    <div class={`track ${tone}`} aria-hidden="true">
      {share > 0 && <span style={{ width: `${Math.min(1, share) * 100}%` }} />}
    </div>
  )
}
