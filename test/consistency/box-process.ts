import { isFareboxError } from '@farebox/core'
import { Dice } from './dice.ts'
import { openAdapters, openBox, type Setup } from './open-box.ts'
import { openOutbox } from './receiver.ts'
import { serve } from './serve.ts'
import { doJob, type Job, type Outcome } from './work.ts'

/** What a box's process is told: the time, and perhaps a job to do or to end. */
export type BoxOrder = { time: number; job?: Job; isToStop?: boolean }

/** What it tells: that it serves its API, what became of a job, and what should not be. */
export type BoxMessage = { urls: string[] } | { outcome: Outcome; workflowId: string } | { fault: string }

const [setup, started] = JSON.parse(process.argv[2] ?? '[]') as [Setup, number]
let time = started
const tell = (message: BoxMessage) => process.send?.(message)
const fault = (error: unknown) => tell({ fault: error instanceof Error ? `${error.stack}` : String(error) })
/** What nobody awaited is no fault if it is one that callers are to expect. */
const onError = (error: unknown) => {
  if (!isFareboxError(error)) fault(error)
}
const clock = () => time
const box = openBox(setup, clock, {
  providers: openAdapters(setup, new Dice(setup.seed + started), clock),
  onError,
})
const outbox = openOutbox(box, setup.receiver)
outbox.start()
const served = await serve(box, onError)

process.on('unhandledRejection', fault)
process.on('disconnect', () => process.exit())
process.on('message', async (order: BoxOrder) => {
  time = order.time
  if (order.job) tell({ outcome: await doJob(box, order.job), workflowId: order.job.workflowId })
  if (!order.isToStop) return
  await served.close()
  await outbox.stop()
  await box.close()
  process.disconnect?.()
})
tell({ urls: served.urls })
