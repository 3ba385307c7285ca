import { checkFieldNames, type FieldNames, InvalidInputError } from '@farebox/ledger'
import type {
  CallOptions,
  ConverseInput,
  EmbedInput,
  ListenInput,
  MeterInput,
  PhoneInput,
  PlannedCalls,
  RecordOptions,
  SeeInput,
  SpeakInput,
  StreamChatInput,
  TranscribeInput,
} from './workflow-calls.ts'

/** What each kind of call takes. */
interface Inputs {
  chat: StreamChatInput
  see: SeeInput
  transcribe: TranscribeInput
  listen: ListenInput
  speak: SpeakInput
  converse: ConverseInput
  meter: MeterInput
  embed: EmbedInput
  call: Partial<PhoneInput>
  record: RecordOptions
  estimate: PlannedCalls
}

const options: FieldNames<CallOptions> = {
  provider: true,
  complexity: true,
  accuracy: true,
  needs: true,
  metadata: true,
  signal: true,
}
const asked = {
  ...options,
  outputTokensMax: true,
  temperature: true,
  stop: true,
  tools: true,
  toolChoice: true,
  providerOptions: true,
  dialectOptions: true,
} as const
const numbers = { model: true, to: true, from: true } as const
const low = { lowSeconds: true, onLow: true } as const

const fieldsOf: { [Kind in keyof Inputs]: FieldNames<Inputs[Kind]> } = {
  chat: { ...asked, messages: true, afterContent: true, onContinued: true },
  see: { ...asked, prompt: true, images: true },
  transcribe: { ...options, audio: true, language: true, dialectOptions: true },
  listen: { ...options, ...low, audio: true, format: true, language: true },
  speak: { ...options, text: true, voice: true, format: true, dialectOptions: true },
  converse: {
    ...options,
    input: true,
    instructions: true,
    voice: true,
    inputFormat: true,
    outputFormat: true,
    tools: true,
    outputTokensMax: true,
    lowAnswers: true,
    onLow: true,
  },
  meter: { ...numbers, ...low, service: true, provider: true, requestId: true, reserveSeconds: true, onSpent: true },
  embed: { ...options, inputs: true, dimensions: true, dialectOptions: true },
  call: { ...options, to: true, from: true, instructions: true, durationSecondsMax: true, durationSecondsExpected: true },
  record: { ...numbers, call: true, idempotencyKey: true, onReplayed: true },
  estimate: { chat: true, see: true, transcribe: true, speak: true, call: true },
}

/** Rejects what is no object. @throws {InvalidInputError} it is none */
export function checkGiven<Kind extends keyof Inputs>(kind: Kind, input: Inputs[Kind]): void {
  if (typeof input !== 'object' || input === null)
    throw new InvalidInputError('input', `of a workflow's ${kind} must be an object`)
}

/**
 * Rejects fields that a call does not have. A misspelt `outputTokensMax` or `idempotencyKey` would otherwise be ignored, and cost
 * credits.
 *
 * @throws {InvalidInputError} a field is unknown; the message names the most similar one
 */
export function checkCall<Kind extends keyof Inputs>(kind: Kind, input: Inputs[Kind]): void {
  const of = `a workflow's ${kind}`
  const fields = fieldsOf[kind]
  // By its letters, `model` is nearest to fields that have nothing to do with it.
  if ('provider' in fields && !('model' in fields) && (input as { model?: unknown } | undefined)?.model !== undefined) {
    const problem = `is no field of ${of}: to choose who serves it, give provider the name in the price book, such as gpt-4o or openai-tts`
    throw new InvalidInputError('model', problem)
  }
  checkFieldNames<Inputs[Kind]>(input, fields, of)
}

/** Rejects fields that none of the planned calls has. @throws {InvalidInputError} as {@link checkCall} does */
export function checkPlanned(calls: PlannedCalls): void {
  checkCall('estimate', calls)
  const { chat, see, transcribe, speak, call } = calls
  if (chat) checkCall('chat', chat)
  if (see) checkCall('see', see)
  if (transcribe) checkCall('transcribe', transcribe)
  if (speak) checkCall('speak', speak)
  if (call) checkCall('call', call)
}
