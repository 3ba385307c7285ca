/** A share from 0 to 1 as a bar. Nothing is no bar, and a little is not nothing. What it says stands beside it, so screen readers skip it. */
export function Track({ share, tone = '' }: { share: number; tone?: 'bad' | 'warn' | '' }) {
  return (
    <div class={`track ${tone}`} aria-hidden="true">
      {share > 0 && <span style={{ width: `${Math.min(1, share) * 100}%` }} />}
    </div>
  )
}
