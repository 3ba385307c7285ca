import { setTimeout as sleep } from 'node:timers/promises'
import { isFareboxError, type RealtimeInput } from '@farebox/core'
import type { Workflow } from 'farebox'
import { writeWav } from '../../packages/providers/src/adapter/wav.ts'

/** What workflows do, by their numbers: every service, whole and streamed, read to the end and left. */
export const kinds = [
  'chat',
  'stream',
  'voice',
  'leave',
  'continue',
  'speech',
  'listen',
  'call',
  'embed',
  'converse',
  'abort',
  'transcribe',
] as const
export type Kind = (typeof kinds)[number]

export function kindOf(workflow: number): Kind {
  return kinds[workflow % kinds.length] as Kind
}

/** Words by which a provider's invoice tells whose line it is. */
function mark(workflow: number): string {
  return `#w${workflow}#`
}

/** The number that a workflow calls. */
function numberOf(workflow: number): string {
  return `+1555${String(workflow).padStart(7, '0')}`
}

const RATE = 8_000
/** Recordings are as long as their workflow's number says, to the sample: about a second. */
export function recordingSeconds(workflow: number): number {
  return (RATE + workflow) / RATE
}
/** And live sound is about two seconds. */
export function liveSeconds(workflow: number): number {
  return (2 * RATE + workflow) / RATE
}

/** Does the work of a workflow. What fails as it may fail is an outcome; anything else is thrown. */
export async function doWork(workflow: Workflow, number: number, random: () => number): Promise<string> {
  try {
    await work[kindOf(number)](workflow, number, random)
    return 'done'
  } catch (error) {
    if (isFareboxError(error)) return error.code
    throw error
  }
}

const format = { encoding: 'mulaw', sampleRate: RATE } as const
const says = (number: number, words: string) => ({ messages: [{ role: 'user' as const, content: `${mark(number)} ${words}` }] })

const work: Record<Kind, (workflow: Workflow, number: number, random: () => number) => Promise<unknown>> = {
  chat: (workflow, number) => workflow.chat(says(number, 'When does the heron hunt?')),
  async stream(workflow, number) {
    await read(await workflow.streamChat(says(number, 'Where does the heron sleep at night?')))
  },
  async leave(workflow, number, random) {
    const stream = await workflow.streamChat(says(number, 'Tell a long story of a heron that could not sleep.'))
    await read(stream, 1 + Math.floor(random() * 6))
  },
  async continue(workflow, number) {
    await read(await workflow.streamChat({ ...says(number, 'What does the heron eat?'), afterContent: 'continue' }))
  },
  async abort(workflow, number, random) {
    const controller = new AbortController()
    const chat = workflow.chat({ ...says(number, 'How old do herons get?'), signal: controller.signal })
    const aborting = sleep(random() * 30).then(() => controller.abort())
    await Promise.all([chat, aborting])
  },
  async voice(workflow, number) {
    await workflow.transcribe({ audio: recording(number) })
    const { text } = await workflow.chat(says(number, 'Answer in a word: who stands on one leg?'))
    await workflow.speak({ text: `${mark(number)} ${text}`.slice(0, 200) })
  },
  transcribe: (workflow, number) => workflow.transcribe({ audio: recording(number) }),
  async speech(workflow, number, random) {
    const stream = await workflow.streamSpeech({ text: `${mark(number)} The heron stands on one leg, and so it sleeps.` })
    await read(stream, random() < 0.3 ? 1 : Number.POSITIVE_INFINITY)
  },
  async listen(workflow, number) {
    const stream = await workflow.listen({ audio: sound(number), format })
    await read(stream)
  },
  call: (workflow, number) =>
    workflow.call({ to: numberOf(number), instructions: { type: 'say', text: 'The heron is here.' }, durationSecondsMax: 60 }),
  embed: (workflow, number) => workflow.embed({ inputs: [`${mark(number)} heron`, 'a bird'] }),
  async converse(workflow, number, random) {
    const stream = await workflow.converse({
      input: turns(number, random),
      inputFormat: format,
      outputFormat: format,
      outputTokensMax: 200,
    })
    await read(stream, random() < 0.2 ? 1 + Math.floor(random() * 8) : Number.POSITIVE_INFINITY)
  },
}

/** Reads a stream, or leaves it after so many events, and waits until it is charged. */
async function read(stream: { events: AsyncIterable<unknown>; settled: Promise<unknown> }, most = Number.POSITIVE_INFINITY) {
  let events = 0
  try {
    for await (const _ of stream.events) {
      events += 1
      if (events >= most) break
    }
  } finally {
    await stream.settled
  }
}

function recording(number: number): Uint8Array {
  return writeWav(new Float32Array(RATE + number), RATE)
}

async function* sound(number: number): AsyncGenerator<Uint8Array> {
  let left = 2 * RATE + number
  for (; left > 0; left -= 1_000) yield new Uint8Array(Math.min(1_000, left)).fill(0xff)
}

/** Some answers follow a pause, others a request, which may be taken back. */
async function* turns(number: number, random: () => number): AsyncGenerator<RealtimeInput> {
  for (let left = 1 + Math.floor(random() * 3); left > 0; left -= 1) {
    yield { type: 'text', text: `${mark(number)} Is the heron awake?` }
    if (random() < 0.3) {
      yield { type: 'audio', audio: new Uint8Array(800).fill(0x55) }
      yield { type: 'audio', audio: new Uint8Array(4_000).fill(0xff) }
    } else yield { type: 'respond' }
    if (random() < 0.3) yield { type: 'cancel' }
  }
}
