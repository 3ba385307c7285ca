export type Tone = 'good' | 'warn' | 'bad' | 'live' | 'plain' | ''

/** A state in a word. Its colour adds nothing that the word does not say. */
export function Badge({ tone = '', children }: { tone?: Tone; children: string }) {
  return <span class={`badge ${tone}`}>{children}</span>
}
