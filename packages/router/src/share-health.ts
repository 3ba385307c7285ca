import { type Clock, checkOptionNames, checkOptionType, describeOption, InvalidOptionError, steadyClock } from '@farebox/core'
import type { HealthReport } from './health-news.ts'
import type { ShareableHealth } from './health-view.ts'
import { parseNews } from './parse-news.ts'

/**
 * Where processes exchange what they know about providers: `ledger.health`, or a custom store. It keeps the latest news of each
 * process and measures its age by its own clock, so the clocks of the processes need not agree.
 */
export interface HealthStore {
  /** Replaces what the process published before. `news` is plain JSON. */
  publish(processId: string, news: unknown): Promise<void>
  /** What each process published last, and how long ago, in milliseconds. */
  read(): Promise<readonly { processId: string; ageMs: number; news: unknown }[]>
}

/** How a process exchanges what it learns about providers. */
export interface ShareHealthOptions {
  /** Interval between exchanges, in milliseconds. @defaultValue 1_000 */
  everyMs?: number
  /** Unique id of this process. @defaultValue random */
  processId?: string
  /** Receives errors of the store. Until it works again, each process goes on with what it knows. @defaultValue ignores them */
  onError?: (error: unknown) => void
  /** Must be the clock of `health`. @defaultValue {@link steadyClock} */
  clock?: Clock
}

/** One process's exchange with the others. */
export interface SharedHealth {
  /** Exchanges now, and from then on at every interval. The timer does not keep the process alive. */
  start(): void
  /** Publishes and reads once, now. Never rejects. */
  exchange(): Promise<void>
  /** Stops, after any exchange under way. What was heard stays known, and decays. */
  stop(): Promise<void>
}

/** Pairs without an observation for this long are no longer published. Equals the longest pause. */
const TOLD_MS = 300_000

/** The longest time that a timer can wait. Node turns anything longer into 1 ms. */
const TIMER_MS_MAX = 2_147_483_647

const known: Record<keyof ShareHealthOptions, true> = { everyMs: true, processId: true, onError: true, clock: true }

/**
 * Lets processes learn from each other which providers are ill, out of capacity or slow. Does nothing before `start`.
 *
 * @throws {InvalidOptionError} `health` or `store` is none, an option is unknown or of a wrong type, or `everyMs` is not from 1 to what
 *   a timer can wait
 */
export function shareHealth(
  health: Pick<ShareableHealth, 'tell' | 'hear'>,
  store: HealthStore,
  options: ShareHealthOptions = {},
): SharedHealth {
  checkOptionNames(options, known, 'shareHealth()')
  const { everyMs = 1_000, processId = crypto.randomUUID(), onError = () => {}, clock = steadyClock } = options
  if (!(typeof everyMs === 'number' && everyMs >= 1 && everyMs <= TIMER_MS_MAX))
    throw new InvalidOptionError(`everyMs must be milliseconds from 1 to ${TIMER_MS_MAX}, received ${everyMs}`)
  // Every exchange would fail, and a host that does not listen to errors would not be told.
  for (const name of ['onError', 'clock'] as const) checkOptionType(name, options[name], 'function')
  if (typeof processId !== 'string' || processId === '')
    throw new InvalidOptionError(`processId must be a text of at least one character, received ${describeOption(processId)}`)
  if (typeof health?.tell !== 'function' || typeof health.hear !== 'function')
    throw new InvalidOptionError('the health of shareHealth() must be what createHealth() returns')
  if (typeof store?.publish !== 'function' || typeof store.read !== 'function')
    throw new InvalidOptionError('the store of shareHealth() must have the methods publish and read, as ledger.health has')
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Identifies the current loop, so that a loop stopped during an exchange ends even if another has been started since. */
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
      // `onError` may throw or return a promise that rejects. Neither may end the exchange or the process.
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
