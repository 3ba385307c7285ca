import { createHash } from 'node:crypto'
import { z } from 'zod'
import { parseFields } from '../http/parse-fields.ts'
import { readUpload, type Upload } from '../http/read-upload.ts'
import { accountRoute, JsonAnswer, SPENDING } from '../http/route.ts'
import { transcription } from './answers.ts'
import { serveWhole } from './serve-whole.ts'
import { givenOptions, modelName, openBody, refused, refusedOfOthers } from './wire-schemas.ts'

const withoutTimes = z.literal('segment', 'is not supported: transcripts come without times').optional()

/** Refused however a form spells them. */
const refusedFields = {
  url: refused('is not supported: send the recording as file, by whose length it is paid'),
  // Recordings beside the one that is paid by its length.
  known_speaker_references: refused('is not supported: transcripts come without speakers'),
  ...refusedOfOthers,
}

const transcriptionForm = openBody({
  model: modelName,
  language: z.string().min(2).max(20).optional().describe('ISO 639-1 code of the language that is spoken'),
  response_format: z.enum(['json', 'verbose_json', 'text'], 'must be json, verbose_json or text').default('json'),
  temperature: z.coerce.number().min(0).max(1).optional(),
  stream: z.literal('false', 'is not supported: leave it out').optional(),
  // `segment` is the default of verbose_json. Our answers leave segments out, as they may. Some clients omit a list's brackets.
  'timestamp_granularities[]': withoutTimes,
  timestamp_granularities: withoutTimes,
  'include[]': refused('is not supported'),
  include: refused('is not supported'),
  ...refusedFields,
})

/** Stands for an unknown language in a verbose transcript, which always names one. @source ISO 639-2 */
const UNDETERMINED = 'und'

/** What an idempotency key keeps of a transcript. */
interface KeptTranscript {
  text: string
  language?: string
  seconds?: number
}

export const transcriptions = accountRoute({
  method: 'post',
  path: '/v1/audio/transcriptions',
  operationId: 'createTranscription',
  tag: 'openai',
  summary: 'Turn recorded speech into text, in the format of OpenAI’s API: multipart with `file` and `model`',
  wireNames: { audio: 'file' },
  form: { file: 'file', fields: transcriptionForm },
  answer: transcription,
  streams: { 'text/plain': 'With `response_format: text`' },
  fails: SPENDING,
  async handle(call) {
    const upload = await readUpload(call, 'file')
    const form = parseFields(transcriptionForm, upload.fields)
    parseFields(openBody(refusedFields), withoutBrackets(upload.fields))
    const { model, language, response_format: format, temperature } = form
    const file = createHash('sha256').update(upload.data).digest('hex')
    const asked = { service: 'voice_stt', model, name: 'transcription', fields: { ...withLists(form, upload.lists), file } }
    const own = {
      ...withLists(givenOptions(form, transcriptionForm), upload.lists),
      ...(temperature !== undefined && { temperature }),
    }
    return serveWhole<KeptTranscript, z.input<typeof transcription>>(call, asked, {
      async work(workflow, options) {
        const answer = await workflow.transcribe({
          audio: upload.data,
          language,
          dialectOptions: { 'openai-transcription': own },
          ...options,
        })
        return { answer: { text: answer.text, language: answer.language, seconds: answer.durationSeconds }, metered: answer }
      },
      respond({ text, language: heard, seconds }, _, headers) {
        if (format === 'text') {
          return new Response(`${text}\n`, { headers: { 'content-type': 'text/plain; charset=utf-8', ...headers } })
        }
        const usage = seconds === undefined ? {} : { usage: { type: 'duration' as const, seconds } }
        if (format === 'json') return new JsonAnswer(200, { text, ...usage }, headers)
        return new JsonAnswer(
          200,
          { task: 'transcribe' as const, language: heard ?? language ?? UNDETERMINED, duration: seconds, text, ...usage },
          headers,
        )
      },
    })
  },
})

/** A form may write lists and objects as `models[]` and `provider[order][]`. */
function withoutBrackets(fields: Upload['fields']): Upload['fields'] {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name.replace(/\[.*/s, ''), value]))
}

/** Collects lists: a form repeats a field such as `keywords[]` for each entry. Some clients omit the brackets. */
function withLists(options: Record<string, unknown>, lists: Upload['lists']): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => {
      const list = lists[name] ?? []
      return name.endsWith('[]') ? [name.slice(0, -2), list] : [name, list.length > 1 ? list : value]
    }),
  )
}
