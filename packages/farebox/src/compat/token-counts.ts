import { formatQuantity, type OutputTokenMeter, type Usage } from '@farebox/core'

/** Tokens as OpenAI counts them, whole: `input` and `output` are totals, and the other kinds are parts of them. */
export interface TokenCounts {
  input: number
  cached: number
  cacheWrite: number
  audioInput: number
  output: number
  reasoning: number
  audioOutput: number
}

const OUTPUT: ReadonlySet<string> = new Set<OutputTokenMeter>(['output', 'reasoning', 'audio_output', 'image_output'])

/** The token counts of a usage. `undefined`: none were reported, which is not zero. */
export function tokenCounts(usage: Usage | undefined): TokenCounts | undefined {
  const tokens = usage?.quantities.filter(({ unit }) => unit === 'tokens') ?? []
  if (tokens.length === 0) return undefined
  const sum = (isCounted: (meter: string) => boolean) => {
    const counted = tokens.filter(({ meter }) => isCounted(meter))
    return Math.ceil(counted.reduce((total, { quantity }) => total + Number(formatQuantity(quantity)), 0))
  }
  return {
    input: sum((meter) => !OUTPUT.has(meter)),
    cached: sum((meter) => /^cached_(\w+_)?input$/.test(meter)),
    cacheWrite: sum((meter) => meter.startsWith('cache_write')),
    audioInput: sum((meter) => /^(cached_)?audio_input$/.test(meter)),
    output: sum((meter) => OUTPUT.has(meter)),
    reasoning: sum((meter) => meter === 'reasoning'),
    audioOutput: sum((meter) => meter === 'audio_output'),
  }
}
