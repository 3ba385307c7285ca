import { checkOptionNames, checkOptionType, describeOption, InvalidOptionError } from '@farebox/core'
import { type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api'
import type { CallObserver } from '../telemetry/call-observer.ts'
import { CallMeasures } from './call-measures.ts'
import { TracedCall } from './traced-call.ts'

/** What {@link openTelemetry} records, and where. */
export interface OpenTelemetryOptions {
  /**
   * Whether spans record prompts and answers, as `gen_ai.input.messages` and `gen_ai.output.messages`. Everyone with access to
   * the traces can then read them. @defaultValue false
   */
  recordContent?: boolean
  /** @defaultValue the one that the host's SDK registers */
  tracerProvider?: TracerProvider
  /** @defaultValue the one that the host's SDK registers */
  meterProvider?: MeterProvider
}

const SCOPE = 'farebox'

const known: Record<keyof OpenTelemetryOptions, true> = { recordContent: true, tracerProvider: true, meterProvider: true }

/**
 * Spans and metrics that follow OpenTelemetry's semantic conventions for generative AI. Pass it to
 * `createFarebox({ telemetry })`.
 *
 * Each call is a span (`farebox chat`) beneath the active span, with what was held and charged as `farebox.*` attributes. Each
 * attempt is a client span beneath it (`chat gpt-4o-mini`) with the `gen_ai.*` attributes, so that tokens are counted once.
 * Without a registered SDK nothing is recorded, at next to no cost.
 *
 * @throws {InvalidOptionError} an option is unknown, `recordContent` is neither true nor false, or a provider is none
 * @source https://opentelemetry.io/docs/specs/semconv/gen-ai/
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): CallObserver {
  checkOptionNames(options, known, 'openTelemetry()')
  checkOptionType('recordContent', options.recordContent, 'boolean')
  const { recordContent = false, tracerProvider, meterProvider } = options
  checkProvider('tracerProvider', tracerProvider, 'getTracer')
  checkProvider('meterProvider', meterProvider, 'getMeter')
  // The host may register its SDK later. A tracer picks that up by itself. A meter does not, so look it up each time.
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

function checkProvider<Method extends string>(
  name: string,
  provider: Partial<Record<Method, unknown>> | undefined,
  method: Method,
) {
  if (provider === undefined || provider === null || typeof provider[method] === 'function') return
  throw new InvalidOptionError(`${name} must have the method ${method}, received ${describeOption(provider)}`)
}
