import { setTimeout as sleep } from 'node:timers/promises'
import { type Credits, credits, isFareboxError, type RealtimeInput, type Service, type Unit } from '@farebox/core'
import type { Farebox, Workflow } from 'farebox'
import { writeWav } from '../../packages/providers/src/adapter/wav.ts'
import { Dice } from './dice.ts'

/** One workflow's worth of work, for whichever process does it. */
export interface Job {
  accountId: string
  workflowId: string
  seed: number
  /** Whether an earlier job has opened the workflow and left it open. */
  isOpened: boolean
  /** The API key that works. */
  secret?: string | undefined
  parentId?: string | undefined
  maxCredits?: number | undefined
  /** Whole credits that are set aside for it before it begins. */
  reserve?: number | undefined
}

/** What the caller of a job was told. */
export interface Outcome {
  /** The sum of every `creditsUsed`, in micro-credits. */
  told: string
  /** Whether every call said what it cost. */
  isSure: boolean
  isOpen: boolean
  faults: string[]
}

const RATE = 8_000
const FORMAT = { encoding: 'mulaw', sampleRate: RATE } as const
const PNG =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='

type Call = (workflow: Workflow, dice: Dice, tell: Tell) => Promise<unknown>
/** What a job's caller is told. */
class Tell {
  told = 0n
  isSure = true
  readonly faults: string[] = []

  cost(creditsUsed: Credits): void {
    this.told += creditsUsed
  }

  /** Something that a caller must never see. */
  fault(what: string): void {
    this.faults.push(what)
  }

  unsure(): void {
    this.isSure = false
  }
}

const calls: Record<string, Call> = {
  chat: async (workflow, dice, tell) => tell.cost((await workflow.chat(asks(dice))).creditsUsed),
  see: async (workflow, dice, tell) =>
    tell.cost((await workflow.see({ prompt: 'What is it?', images: [PNG], ...leaves(dice) })).creditsUsed),
  embed: async (workflow, dice, tell) =>
    tell.cost((await workflow.embed({ inputs: ['a heron', 'b'.repeat(dice.whole(1, 300))] })).creditsUsed),
  transcribe: async (workflow, dice, tell) =>
    tell.cost((await workflow.transcribe({ audio: recording(dice), ...leaves(dice) })).creditsUsed),
  speak: async (workflow, dice, tell) =>
    tell.cost((await workflow.speak({ text: 'The heron stands. '.repeat(dice.whole(1, 12)) })).creditsUsed),
  streamChat: async (workflow, dice, tell) =>
    read(await workflow.streamChat({ ...asks(dice), ...(dice.chance(0.4) && { afterContent: 'continue' }) }), dice, tell),
  streamSpeech: async (workflow, dice, tell) =>
    read(await workflow.streamSpeech({ text: 'The heron sleeps. '.repeat(dice.whole(1, 12)) }), dice, tell),
  listen: async (workflow, dice, tell) =>
    read(await workflow.listen({ audio: sound(dice), format: FORMAT, ...leaves(dice) }), dice, tell),
  converse: async (workflow, dice, tell) =>
    read(
      await workflow.converse({ input: talk(dice), inputFormat: FORMAT, outputFormat: FORMAT, outputTokensMax: 300 }),
      dice,
      tell,
    ),
  async meter(workflow, dice, tell) {
    const metered = await workflow.meter({ service: 'phone', provider: 'twilio', reserveSeconds: dice.pick([0, 5]) })
    for (let seconds = 0, parts = dice.whole(1, 8); parts > 0 && !metered.isSpent; parts--) {
      seconds += dice.whole(1, 80) / 2
      await metered.reached(seconds)
    }
    // A host that forgets it leaves the end to whoever closes the workflow or the box.
    if (dice.chance(0.15)) return tell.unsure()
    const { creditsUsed } = await metered.end()
    tell.cost(creditsUsed)
    if ((await metered.end()).creditsUsed !== creditsUsed) tell.fault('metered time that ended again cost something else')
  },
  call: async (workflow, dice, tell) => {
    const instructions = { type: 'say', text: 'hello '.repeat(dice.whole(1, 60)) } as const
    tell.cost((await workflow.call({ to: '+15551234567', instructions, durationSecondsMax: dice.whole(15, 200) })).creditsUsed)
  },
  async record(workflow, dice, tell) {
    const [service, provider, quantity, unit] = dice.pick<[Service, string, number | string, Unit]>([
      ['gpt', 'gpt-4o', dice.whole(0, 900), 'tokens'],
      ['phone', 'twilio', dice.whole(0, 300) / 100, 'minutes'],
      ['own_service' as Service, 'own', dice.whole(1, 4), 'requests'],
      ['voice_stt', 'deepgram', dice.whole(1, 200), 'seconds'],
      ['phone', 'twilio', '0.000001', 'minutes'],
      // More than anybody can pay.
      ['gpt', 'gpt-4o', '123456789012.5', 'tokens'],
    ])
    const idempotencyKey = `record-${dice.roll()}`
    const records = () => workflow.record(service, provider, quantity, unit, { idempotencyKey })
    const [first, second] = await Promise.all([records(), records()])
    tell.cost(first.creditsUsed)
    if (second.creditsUsed !== first.creditsUsed) tell.fault('one key recorded two charges')
  },
  async slices(workflow, dice, tell) {
    for (let slice = dice.whole(1, 4); slice > 0; slice--) {
      tell.cost((await workflow.record('phone', 'twilio', dice.whole(0, 40), 'seconds', { call: 'sliced' })).creditsUsed)
    }
  },
}

/** Does a job, and says what its caller was told. Throws nothing that a caller should expect. */
export async function doJob(box: Farebox, job: Job): Promise<Outcome> {
  const { accountId, workflowId, isOpened, secret, parentId } = job
  const dice = new Dice(job.seed)
  const tell = new Tell()
  let isOpen = isOpened
  await attempt(tell, 'the job', async () => {
    const apiKey = secret === undefined ? undefined : await box.authenticate(secret)
    const limit = job.maxCredits === undefined ? {} : { maxCredits: credits(job.maxCredits) }
    const isMade = (parentId !== undefined || job.reserve !== undefined) && !isOpened
    if (isMade) {
      const reserve = job.reserve === undefined ? {} : { reserve: credits(job.reserve) }
      const opened = await box.ledger.openWorkflow({ accountId, workflowId, name: 'child', parentId, ...limit, ...reserve })
      if (opened.status === 'refused') return
    }
    isOpen ||= isMade
    const workflow = box.workflow({ accountId, workflowId, name: 'job', apiKey, isOpened: isOpen, ...limit })
    const one = async () => {
      const name = dice.pick(Object.keys(calls))
      await attempt(tell, name, async () => calls[name]?.(workflow, dice, tell))
    }
    if (dice.chance(0.3)) await Promise.all([one(), one(), one()])
    else for (let left = dice.whole(1, 4); left > 0; left--) await one()
    isOpen = workflow.isOpened
    if (!workflow.isOpened || dice.chance(0.4)) return
    await workflow.close()
    isOpen = false
  })
  const { told, isSure, faults } = tell
  return { told: String(told), isSure, isOpen, faults: faults.map((fault) => `${workflowId}: ${fault}`) }
}

async function attempt(tell: Tell, what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    // Whether the call took place will be known later, and then it is charged.
    if (isFareboxError(error) && error.code === 'OUTCOME_UNKNOWN') tell.unsure()
    if (!isFareboxError(error)) tell.fault(`${what} threw ${error instanceof Error ? error.stack : String(error)}`)
  }
}

interface Stream {
  events: AsyncIterable<unknown>
  settled: Promise<{ creditsUsed: Credits }>
}

/** Reads a stream to its end, or leaves it, and waits until it is charged. */
async function read({ events, settled }: Stream, dice: Dice, tell: Tell): Promise<void> {
  const told = settled.then(
    ({ creditsUsed }) => tell.cost(creditsUsed),
    () => tell.unsure(),
  )
  let left = dice.chance(0.3) ? dice.whole(0, 8) : Number.POSITIVE_INFINITY
  try {
    // Some never ask for the first part.
    if (left === 0) await events[Symbol.asyncIterator]().return?.()
    else for await (const _ of events) if (--left === 0) break
  } finally {
    await told
  }
}

function asks(dice: Dice) {
  const content = dice.pick(['hi', 'When do you open?', 'x'.repeat(dice.whole(1, 900)), 'é😀 '.repeat(dice.whole(1, 30))])
  return {
    messages: [{ role: 'user', content }] as const,
    ...(dice.chance(0.5) && { outputTokensMax: dice.pick([1, 10, 100]) }),
    ...(dice.chance(0.1) && { complexity: 'auto' as const }),
    ...leaves(dice),
  }
}

/** Some callers leave at a moment of chance. */
function leaves(dice: Dice): { signal?: AbortSignal } {
  return dice.chance(0.15) ? { signal: AbortSignal.timeout(dice.whole(0, 8)) } : {}
}

function recording(dice: Dice): Uint8Array {
  return writeWav(new Float32Array(dice.whole(1, RATE * 30)), RATE)
}

async function* sound(dice: Dice): AsyncGenerator<Uint8Array> {
  for (let seconds = dice.whole(1, 100); seconds > 0; seconds--) {
    if (seconds % 10 === 0) await sleep(1)
    yield new Uint8Array(RATE).fill(0x55)
  }
}

async function* talk(dice: Dice): AsyncGenerator<RealtimeInput> {
  for (let turns = dice.whole(1, 4); turns > 0; turns--) {
    yield dice.chance(0.5)
      ? { type: 'text', text: 'hello '.repeat(dice.whole(1, 20)) }
      : { type: 'audio', audio: new Uint8Array(RATE * dice.whole(1, 3)).fill(0x55) }
    yield { type: 'respond' }
    if (dice.chance(0.2)) yield { type: 'cancel' }
  }
}
