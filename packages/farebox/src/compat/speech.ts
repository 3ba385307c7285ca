import { type AudioFormat, audioFormats, type SpeechEvent } from '@farebox/core'
import { z } from 'zod'
import { accountRoute, SPENDING } from '../http/route.ts'
import { answerLeft, type Encoding, eventStream } from '../http/stream-response.ts'
import type { SpeakInput } from '../workflow-calls.ts'
import { type ServedStream, serveStream } from './serve-stream.ts'
import { serveWhole } from './serve-whole.ts'
import { givenOptions, modelName, openBody, present, refusedOfOthers, said } from './wire-schemas.ts'

/** Some providers have it in their URL, where it must fit. */
const voiceName = z
  .string()
  .min(1)
  .max(200)
  .refine((value) => value.isWellFormed(), 'must not hold half a character')

const speechBody = openBody({
  model: modelName,
  input: said.min(1),
  voice: z
    .union([voiceName, z.looseObject({ id: z.string().min(1) })])
    .nullish()
    .describe(
      'Only OpenAI speaks with OpenAI’s voices. If one is given, or a custom one by its id, other providers use their own default voice',
    ),
  response_format: z.enum(audioFormats, `must be ${audioFormats.join(', ')}`).nullish(),
  stream_format: z
    .enum(['audio', 'sse'])
    .nullish()
    .describe(
      'audio: the bytes, streamed as they are spoken; sse: the same as events. Absent: the whole audio at once, with its cost in the headers',
    ),
  ...refusedOfOthers,
})

/** Voices that only OpenAI's models have. @source the SDK's type of `voice` */
const OPENAI_VOICES: ReadonlySet<string> = new Set([
  'alloy',
  'ash',
  'ballad',
  'cedar',
  'coral',
  'echo',
  'fable',
  'marin',
  'nova',
  'onyx',
  'sage',
  'shimmer',
  'verse',
])

const MEDIA_TYPES: Readonly<Record<AudioFormat, string>> = {
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  opus: 'audio/opus',
  pcm: 'audio/pcm',
  // RFC 2046: µ-law of one channel at 8,000 samples per second.
  mulaw: 'audio/basic',
}

/** The usage that OpenAI reports for speech that it bills by tokens. */
const tokenUsage = z.object({ input_tokens: z.number(), output_tokens: z.number(), total_tokens: z.number() })

/** What an idempotency key keeps of a speech: its bytes in Base64. */
interface KeptSpeech {
  audio: string
  format: AudioFormat
  /** Tokens, where the provider counts them. */
  usage?: Record<string, number>
}

export const speech = accountRoute({
  method: 'post',
  path: '/v1/audio/speech',
  operationId: 'createSpeech',
  tag: 'openai',
  summary: 'Turn text into speech, in the format of OpenAI’s API',
  body: speechBody,
  answer: z.never(),
  streams: {
    'audio/*': 'The audio, in the requested format',
    'text/event-stream': 'With `stream_format: sse`: events in OpenAI’s format',
  },
  fails: SPENDING,
  async handle(call) {
    const { body } = call
    const asked = { service: 'voice_tts', model: body.model, name: 'speech', fields: { ...body } }
    const input = speakInput(body)
    if (!body.stream_format) {
      return serveWhole<KeptSpeech, never>(call, asked, {
        async work(workflow, options) {
          const answer = await workflow.speak({ ...input, ...options })
          return { answer: { audio: base64([answer.audio]), format: answer.format }, metered: answer }
        },
        respond: ({ audio, format }, _, headers) =>
          new Response(Buffer.from(audio, 'base64'), { headers: { 'content-type': MEDIA_TYPES[format], ...headers } }),
      })
    }
    const { format = 'mp3' } = input
    const isEvents = body.stream_format === 'sse'
    return serveStream<SpeechEvent, Uint8Array | object, KeptSpeech>(call, asked, {
      open: (workflow, options) => workflow.streamSpeech({ ...input, ...options }),
      parts: (events, served) => (isEvents ? speechEvents(events, served, format) : speechBytes(events, format)),
      again: ({ audio, usage }) => [
        { type: 'audio', audio: Buffer.from(audio, 'base64') },
        { type: 'finish', model: '', usage: { quantities: [], certainty: 'exact', raw: usage } },
      ],
      encoding: isEvents ? eventStream() : bytesOf(format),
    })
  },
})

function speakInput(body: z.output<typeof speechBody>): SpeakInput {
  const { voice } = body
  // A voice that is an object was made at OpenAI, so nobody else has it either.
  const shared = typeof voice === 'string' && !OPENAI_VOICES.has(voice) ? voice : undefined
  return {
    text: body.input,
    format: body.response_format ?? undefined,
    ...present({ voice: shared }),
    dialectOptions: {
      'openai-speech': { ...givenOptions(body, speechBody), ...(shared === undefined && present({ voice })) },
    },
  }
}

/** The audio as it is spoken. */
async function* speechBytes(
  events: AsyncIterable<SpeechEvent>,
  format: AudioFormat,
): AsyncGenerator<Uint8Array, KeptSpeech, undefined> {
  const spoken: Uint8Array[] = []
  let finish: Extract<SpeechEvent, { type: 'finish' }> | undefined
  for await (const event of events) {
    if (event.type === 'finish') finish = event
    else {
      spoken.push(event.audio)
      yield event.audio
    }
  }
  if (!finish) throw answerLeft()
  const tokens = tokenUsage.safeParse(finish.usage?.raw)
  return { audio: base64(spoken), format, ...(tokens.success && { usage: tokens.data }) }
}

/** The same as OpenAI's events. The last one has the cost under `farebox`, and the provider's token counts if it reports any. */
async function* speechEvents(
  events: AsyncIterable<SpeechEvent>,
  { settled }: ServedStream,
  format: AudioFormat,
): AsyncGenerator<object, KeptSpeech, undefined> {
  const bytes = speechBytes(events, format)
  for (;;) {
    const step = await bytes.next()
    if (!step.done) {
      yield { type: 'speech.audio.delta', audio: base64([step.value]) }
      continue
    }
    const { usage } = step.value
    yield { type: 'speech.audio.done', ...(usage && { usage }), farebox: await settled() }
    return step.value
  }
}

/** Bytes cannot express a failure, so the connection breaks off. */
function bytesOf(format: AudioFormat): Encoding<Uint8Array | object> {
  return { contentType: MEDIA_TYPES[format], encode: (part) => part as Uint8Array }
}

function base64(parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('base64')
}
