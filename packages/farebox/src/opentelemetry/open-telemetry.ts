import { type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api'
import type { CallObserver } from '../telemetry/call-observer.ts'
import { CallMeasures } from './call-measures.ts'
import { TracedCall } from './traced-call.ts'

/** What is told to OpenTelemetry. */
export interface OpenTelemetryOptions {
  /**
   * Whether spans keep what callers say and models answer: `gen_ai.input.messages` and `gen_ai.output.messages`. Whoever reads traces then
   * reads those. @defaultValue false
   */
  recordContent?: boolean
  /** @defaultValue the one that the host's SDK has registered */
  tracerProvider?: TracerProvider
  /** @defaultValue the one that the host's SDK has registered */
  meterProvider?: MeterProvider
}

const SCOPE = 'farebox'

/**
 * Spans and metrics by OpenTelemetry's semantic conventions for generative AI: give it to `createFarebox({ telemetry })`.
 *
 * Each call is a span of ours (`farebox chat`) beneath whatever span is active, with what was set aside and charged as `farebox.*`; each
 * attempt is a client span beneath it (`chat gpt-4o-mini`) with `gen_ai.*`, so that tokens are counted once. Without an SDK that is
 * registered nothing is recorded and next to nothing is done.
 *
 * @source https://opentelemetry.io/docs/specs/semconv/gen-ai/
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): CallObserver {
  const { recordContent = false, tracerProvider, meterProvider } = options
  // The host may register its SDK after this; the tracer follows that by itself, and the meter is asked for again.
  const tracer = (tracerProvider ?? trace).getTracer(SCOPE)
  let measures: CallMeasures | undefined
  let measuredBy: MeterProvider | undefined
  const currentMeasures = () => {
    const provider = meterProvider ?? metrics.getMeterProvider()
    if (measures === undefined || provider !== measuredBy) {
      measures = new CallMeasures(provider.getMeter(SCOPE))
      measuredBy = provider
    }
    return measures
  }
  return {
    begin: (call) => new TracedCall(call, { tracer, measures: currentMeasures(), recordContent }),
    recorded: ({ service, creditsUsed }) => currentMeasures().charged({ service, operation: 'record' }, creditsUsed),
  }
}
