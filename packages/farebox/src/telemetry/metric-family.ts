/** One sample: the suffix of the family's name, the labels and the value. */
export interface Sample {
  suffix?: string
  labels: readonly (readonly [name: string, value: string])[]
  value: number | string
}

/** One family of metrics in the Prometheus text format. */
export interface MetricFamily {
  name: string
  type: 'counter' | 'gauge' | 'histogram'
  help: string
  samples: Iterable<Sample>
}

/** Formats families in the Prometheus text format, version 0.0.4. Leaves out families without samples. */
export function metricsText(families: readonly MetricFamily[]): string {
  const lines: string[] = []
  for (const { name, type, help, samples } of families) {
    const own = [...samples].map((sample) => `${name}${sample.suffix ?? ''}${labelsText(sample.labels)} ${sample.value}`)
    if (own.length > 0) lines.push(`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`, ...own)
  }
  return `${lines.join('\n')}\n`
}

function labelsText(labels: Sample['labels']): string {
  if (labels.length === 0) return ''
  return `{${labels.map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`).join(',')}}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
