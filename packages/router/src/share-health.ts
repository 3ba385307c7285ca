import { type Clock, steadyClock } from '@farebox/core'
import type { HealthReport } from './health-news.ts'
import type { ShareableHealth } from './health-view.ts'
import { parseNews } from './parse-news.ts'

/**
 * Where processes tell each other what they know of providers: `ledger.health`, or a store of the host's own. It keeps the last that each
 * process told, and knows how long ago that was by a clock of its own, so that those of the processes need not agree.
 */
export interface HealthStore {
  /** Replaces what a process told before. `news` is plain JSON. */
  publish(processId: string, news: unknown): Promise<void>
  /** What each process told last, and how long ago, in milliseconds. */
  read(): Promise<readonly { processId: string; ageMs: number; news: unknown }[]>
}

/** How processes exchange what they learn of providers. */
export interface ShareHealthOptions {
  /** Between two exchanges. @defaultValue 1_000 */
  everyMs?: number
  /** Names this process; no other may have the same. @defaultValue a random one */
  processId?: string
  /** Told when the store cannot be reached: everybody goes on with what they know. @defaultValue ignores it */
  onError?: (error: unknown) => void
  /** The clock of `health`. @defaultValue {@link steadyClock} */
  clock?: Clock
}

/** The exchange of one process with the others. */
export interface SharedHealth {
  /** Begins to exchange, now and then at every interval. The timer does not keep the process alive. */
  start(): void
  /** Tells and listens once, now. Never rejects. */
  exchange(): Promise<void>
  /** Ends it, when what is under way has ended. What was heard stays known, and fades. */
  stop(): Promise<void>
}

/** News of pairs that nothing was seen of for so long is not told any more. The longest pause is as long. */
const TOLD_MS = 300_000

/** Lets processes learn from each other which providers are ill, out of capacity or slow. Nothing happens before `start`. */
export function shareHealth(
  health: Pick<ShareableHealth, 'tell' | 'hear'>,
  store: HealthStore,
  options: ShareHealthOptions = {},
): SharedHealth {
  const { everyMs = 1_000, processId = crypto.randomUUID(), onError = () => {}, clock = steadyClock } = options
  let timer: ReturnType<typeof setTimeout> | undefined
  /** The loop that goes on. One that was stopped during an exchange ends after it, also where another was started meanwhile. */
  let running: object | undefined
  let exchanging: Promise<void> | undefined
  let toldAt = 0

  async function tellAndListen(): Promise<void> {
    try {
      const now = clock()
      if (health.tell(toldAt).length > 0) {
        await store.publish(processId, health.tell(now - TOLD_MS))
        toldAt = now
      }
      const told = await store.read()
      const reports = told.flatMap((report): HealthReport[] => {
        if (report.processId === processId || !(report.ageMs < TOLD_MS)) return []
        return [{ ageMs: report.ageMs, news: parseNews(report.news) }]
      })
      health.hear(reports)
    } catch (error) {
      // It may throw, or be asynchronous and fail later: neither may end the exchange, or the process.
      void (async () => onError(error))().catch(() => {})
    }
  }

  function exchange(): Promise<void> {
    exchanging ??= tellAndListen().finally(() => {
      exchanging = undefined
    })
    return exchanging
  }

  async function repeat(loop: object): Promise<void> {
    await exchange()
    if (running !== loop) return
    timer = setTimeout(() => repeat(loop), everyMs)
    timer.unref?.()
  }

  return {
    start() {
      if (running) return
      running = {}
      void repeat(running)
    },
    exchange,
    async stop() {
      running = undefined
      clearTimeout(timer)
      await exchanging
    },
  }
}
