import { context, metrics, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'

/** OpenTelemetry's own SDK in this process, keeping what it is given. */
export interface Telemetry {
  /** The spans that have ended, the first to end first. */
  spans(): ReadableSpan[]
  /** The span of a name. */
  span(name: string): ReadableSpan
  /** Sums or counts of a metric, with the attributes of each point. */
  points(name: string): Promise<{ attributes: object; value: unknown }[]>
  /** Everything that was recorded, as text to be searched. */
  everything(): Promise<string>
  reset(): void
}

/** Registers the SDK for all of this process, as a host does. */
export function registerTelemetry(): Telemetry {
  const exporter = new InMemorySpanExporter()
  const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: measured, exportIntervalMillis: 3_600_000 })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }))
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))

  const read = async () => {
    measured.reset()
    await reader.forceFlush()
    return measured.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
  }
  const spans = () => exporter.getFinishedSpans()
  return {
    spans,
    span(name) {
      const found = spans().filter((span) => span.name === name)
      if (found.length !== 1 || !found[0])
        throw new Error(`${found.length} spans are called ${name}: ${spans().map((span) => span.name)}`)
      return found[0]
    },
    async points(name) {
      const told = (await read()).filter(({ descriptor }) => descriptor.name === name)
      const points: readonly { attributes: object; value: unknown }[] = told.flatMap((metric) => [...metric.dataPoints])
      return points.map(({ attributes, value }) => ({ attributes, value }))
    },
    async everything() {
      const told = spans().map(({ name, attributes, events, status, links, resource }) => {
        return { name, attributes, events, status, links, resource: resource.attributes }
      })
      return JSON.stringify([told, await read()])
    },
    reset: () => exporter.reset(),
  }
}
