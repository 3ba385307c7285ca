export type Tone = 'good' | 'warn' | 'bad' | 'live' | 'plain' | ''

/** A state in a word. Its colour only repeats what the word says. */
export function Badge({ tone = '', children }: { tone?: Tone; children: string }) {
  return <span class={`badge ${tone}`}>{children}</span>
}
