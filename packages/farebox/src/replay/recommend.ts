import { setImmediate } from 'node:timers/promises'
import { type BreakdownFilter, checkFieldNames, type FieldNames, InvalidInputError, type Ledger } from '@farebox/ledger'
import { ChangeSums, type MovedUnits } from './change-sums.ts'
import { type ConfigurationChange, changesFor, wholeChanges } from './configuration-changes.ts'
import { type RecordedWorkflow, type ReplayProgress, readWorkflows } from './read-workflows.ts'
import type { RecordedCall } from './recorded-call.ts'
import { CallReplay } from './replay-call.ts'
import { ReplayPrices } from './replay-prices.ts'
import type { ReplayedCall } from './replay-workflow.ts'
import { keysOf, type SimulateParts } from './simulate.ts'

/** Selects the usage to search for savings. */
export interface RecommendInput extends BreakdownFilter {
  /**
   * The number of calls after which no more workflows are read, newest first. The result covers only what was read.
   * @defaultValue 2_000
   */
  callsMax?: number
  onProgress?: (progress: ReplayProgress) => void
  signal?: AbortSignal
}

/** A change that would have saved credits. */
export interface Saving {
  workflowName: string
  change: ConfigurationChange
  sums: ChangeSums
  /** The largest group of calls that would move. */
  mostly: MovedUnits
}

/** The savings found, and the usage that they are based on. */
export interface Savings {
  from: number
  to: number
  workflows: number
  calls: number
  /** Whether all workflows of the period were read. */
  isComplete: boolean
  /**
   * At most one for each workflow name and service, largest first. A change to every service, such as a preset, is added if it
   * saves more than those of the services together, but not if the input selects a service or provider: its effect on the others
   * is unknown then.
   */
  savings: Saving[]
}

const known: FieldNames<RecommendInput> = {
  accountId: true,
  from: true,
  to: true,
  apiKeyId: true,
  userId: true,
  workflowName: true,
  service: true,
  provider: true,
  callsMax: true,
  onProgress: true,
  signal: true,
}
const CALLS_MAX = 2_000
/** How many calls are replayed before other work of the process gets its turn. */
const REPLAYS_AT_ONCE = 1_000
const MONTH_MS = 30 * 86_400_000

/** Sums by workflow name, then by service (or `WHOLE` for all), then by change. */
type Tally = Map<string, Map<string, Map<ConfigurationChange, ChangeSums>>>

/**
 * Replays recorded calls under each change of configuration that may make them cheaper, at the prices of their time. Leaves out
 * changes that save nothing, that would save nothing at today's prices, or that would leave a call without a provider.
 *
 * @throws {InvalidInputError} a field of the input is unknown, or `callsMax` is no number above zero
 */
export async function findSavings(parts: SimulateParts & { ledger: Ledger }, input: RecommendInput): Promise<Savings> {
  checkFieldNames(input, known, 'recommendations()')
  const { accountId, workflowName, apiKeyId, userId, service, provider, callsMax = CALLS_MAX, onProgress, signal } = input
  if (!(typeof callsMax === 'number' && callsMax > 0))
    throw new InvalidInputError('callsMax', `must be a number above zero, received ${callsMax}`)
  const to = input.to ?? parts.now
  const from = input.from ?? Math.max(0, to - MONTH_MS)
  const replay = new CallReplay({ ...parts, keys: await keysOf(parts.ledger, accountId) })
  const tally = new SavingsTally(replay, parts, { service, provider })
  const workflows = readWorkflows(
    parts.ledger,
    // Up to now includes what began within this millisecond.
    { accountId, from, to: input.to ?? to + 1, name: workflowName, apiKeyId, userId },
    { callsMax, onProgress, signal },
  )
  for (;;) {
    const next = await workflows.next()
    if (next.done) return { from, to, ...tally.counts, isComplete: next.value, savings: tally.best() }
    await tally.add(next.value)
  }
}

class SavingsTally {
  readonly counts = { workflows: 0, calls: 0 }
  readonly #replay: CallReplay
  readonly #prices: ReplayPrices
  readonly #today: ReplayPrices
  readonly #now: number
  readonly #asked: Pick<RecommendInput, 'service' | 'provider'>
  /** Changes to every service. Empty if the input selects a service or provider. */
  readonly #wholeChanges: readonly ConfigurationChange[]
  readonly #tally: Tally = new Map()
  #replays = 0
  readonly #changes = new Map<string, readonly ConfigurationChange[]>()
  /** Changes by wire form, so that the same change found for different calls shares one sum. */
  readonly #byWire = new Map<string, ConfigurationChange>()

  constructor(
    replay: CallReplay,
    { book, now }: Pick<SimulateParts, 'book' | 'now'>,
    asked: Pick<RecommendInput, 'service' | 'provider'>,
  ) {
    this.#replay = replay
    this.#asked = asked
    this.#wholeChanges = this.#isPart ? [] : wholeChanges
    this.#prices = new ReplayPrices(book)
    this.#today = new ReplayPrices(book, now)
    this.#now = now
  }

  get #isPart(): boolean {
    return this.#asked.service !== undefined || this.#asked.provider !== undefined
  }

  /**
   * Adds all calls of a workflow. Calls that a change also affects are counted even if the input does not select them: those of
   * other providers of the service, and those of another service that follow the same field.
   */
  async add({ name, calls }: RecordedWorkflow): Promise<void> {
    const { service: only, provider } = this.#asked
    this.counts.workflows += 1
    for (const [service, ofService] of Map.groupBy(calls, (call) => call.service)) {
      if ((only ?? service) !== service) continue
      this.counts.calls += ofService.filter((call) => (provider ?? call.provider) === call.provider).length
      for (const change of this.#changesFor(ofService))
        await this.#count(name, service, change, ofService, this.#following(change, calls))
    }
    const seen = calls.filter(({ service }) => service === 'vision')
    if ((only ?? 'gpt') === 'gpt' && seen.length > 0 && !calls.some(({ service }) => service === 'gpt')) {
      // A change for chats in other workflows of this name applies to this workflow as well.
      const asChats = [seen.find(({ decision }) => decision) ?? seen[0]].flatMap((call) => call ?? [])
      for (const change of this.#changesFor(asChats.map((call) => ({ ...call, service: 'gpt' }))))
        await this.#count(name, 'gpt', change, [], seen)
    }
    if (calls.length > 0) for (const change of this.#wholeChanges) await this.#count(name, WHOLE, change, calls)
  }

  #changesFor(calls: readonly RecordedCall[]): readonly ConfigurationChange[] {
    const [call] = calls
    if (!call) return []
    const key = `${call.service} ${call.isSimulated} ${call.decision === undefined}`
    const known = this.#changes.get(key) ?? changesFor(call, this.#replay).map((found) => this.#same(found))
    this.#changes.set(key, known)
    return known
  }

  #same(found: ConfigurationChange): ConfigurationChange {
    const name = JSON.stringify(found.wire)
    const known = this.#byWire.get(name) ?? found
    this.#byWire.set(name, known)
    return known
  }

  /** Calls of the other service that the same field affects. */
  #following({ also }: ConfigurationChange, calls: readonly RecordedCall[]): readonly RecordedCall[] {
    return calls.filter(({ service }) => service === also)
  }

  async #count(
    name: string,
    part: string,
    change: ConfigurationChange,
    calls: readonly RecordedCall[],
    following: readonly RecordedCall[] = [],
  ): Promise<void> {
    const { configure, elsewhere } = change
    const under = { configure, elsewhere, prices: this.#prices, arePricesOther: false }
    const replay = async (them: readonly RecordedCall[]) => {
      const replayed: ReplayedCall[] = []
      for (const call of them) {
        replayed.push({ call, replayed: this.#replay.replay(call, under) })
        this.#replays += 1
        // A workflow may have any number of calls, and others wait meanwhile.
        if (this.#replays % REPLAYS_AT_ONCE === 0) await setImmediate()
      }
      return replayed
    }
    const others = await replay(following)
    // If none of them moves, they are not part of the change.
    const isFollowed = others.some(({ replayed }) => !replayed.isSame || replayed.isLost)
    const replayed = [...(await replay(calls)), ...(isFollowed ? others : [])]
    if (replayed.length === 0) return
    await this.#sumsOf(name, part, change).add(replayed, { prices: this.#prices, today: this.#today, now: this.#now })
  }

  #sumsOf(name: string, part: string, change: ConfigurationChange): ChangeSums {
    const parts = this.#tally.get(name) ?? new Map<string, Map<ConfigurationChange, ChangeSums>>()
    this.#tally.set(name, parts)
    const changes = parts.get(part) ?? new Map<ConfigurationChange, ChangeSums>()
    parts.set(part, changes)
    const known = changes.get(change) ?? new ChangeSums()
    changes.set(change, known)
    return known
  }

  /** Whether the input selects the calls that move. */
  #isAsked({ service, from }: MovedUnits): boolean {
    return (this.#asked.service ?? service) === service && (this.#asked.provider ?? from) === from
  }

  best(): Savings['savings'] {
    const savings: Saving[] = []
    for (const [workflowName, parts] of this.#tally) {
      const isAsked = (moved: MovedUnits) => this.#isAsked(moved)
      const found = [...parts].flatMap(([part, changes]) =>
        part === WHOLE ? [] : (bestOf(workflowName, changes, isAsked) ?? []),
      )
      const best = found.filter((saving) => !found.some((other) => isPartOf(saving, other)))
      const together = best.reduce((sum, { sums }) => sum + sums.saved, 0n)
      savings.push(...best)
      const whole = bestOf(workflowName, parts.get(WHOLE) ?? new Map(), isAsked)
      if (whole && whole.sums.saved > together) savings.push(whole)
    }
    return savings.sort((a, b) => Number(b.sums.saved - a.sums.saved) || (a.workflowName < b.workflowName ? -1 : 1))
  }
}

/** Whether a larger saving covers the same services: applying both would not save both amounts. */
function isPartOf(saving: Saving, other: Saving): boolean {
  if (saving === other) return false
  const services = new Set([...other.sums.moved.values()].map(({ service }) => service))
  if (![...saving.sums.moved.values()].some(({ service }) => services.has(service))) return false
  return saving.sums.saved < other.sums.saved || (saving.sums.saved === other.sums.saved && saving.change.also !== undefined)
}

/** Stands for all services. Names of services are lower-case, so it cannot clash. */
const WHOLE = 'WHOLE'

/** The change that saves most and moves calls that were asked for. Among equals, the first, whose offer has the best quality. */
function bestOf(
  workflowName: string,
  changes: ReadonlyMap<ConfigurationChange, ChangeSums>,
  isAsked: (moved: MovedUnits) => boolean,
): Saving | undefined {
  let best: Saving | undefined
  for (const [change, sums] of changes) {
    if (!sums.isSaving || (best && sums.saved <= best.sums.saved)) continue
    const [mostly] = [...sums.moved.values()].filter(isAsked).sort((a, b) => b.calls - a.calls)
    if (mostly) best = { workflowName, change, sums, mostly }
  }
  return best
}
