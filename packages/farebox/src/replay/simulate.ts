import { checkOptionNames, InvalidOptionError, microCredits } from '@farebox/core'
import type { Ledger, WorkflowFilter } from '@farebox/ledger'
import type { PriceBook } from '@farebox/pricing'
import { checkServiceConfiguration, presets, type ServiceConfiguration } from '@farebox/router'
import { inTurns } from '../in-turns.ts'
import { type RecordedWorkflow, type ReplayProgress, readWorkflows } from './read-workflows.ts'
import { isConditioned } from './recorded-call.ts'
import { CallReplay, namedBy, type ReplayParts, type ReplayUnder } from './replay-call.ts'
import { ReplayPrices, replayPrices } from './replay-prices.ts'
import { type ReplayedCall, replayWorkflow } from './replay-workflow.ts'
import type { MovedCalls, NotReplayed, SimulatedLine, Simulation } from './simulation.ts'
import { type StrayUsage, strayUsage } from './stray-usage.ts'

/** The work to replay, and what to change about it. */
export interface SimulateInput extends Omit<WorkflowFilter, 'accountId' | 'state' | 'from' | 'to'> {
  /** @defaultValue every account */
  accountId?: string
  /** Replays workflows opened from this time on, in epoch milliseconds. */
  from: number
  /** Exclusive. */
  to: number
  /** The configuration to apply to every call. @defaultValue each call's own */
  configuration?: ServiceConfiguration
  /**
   * Fields to change in `configuration`, or else in each call's own configuration, with its conditions applied. Unlike in
   * recommendations, that includes configurations with `accuracyFirst`.
   */
  changes?: Partial<ServiceConfiguration>
  /** The price book to apply. @defaultValue the Farebox's own, in the version of each call */
  prices?: PriceBook
  /**
   * The time whose version of `prices` applies to every call, in epoch milliseconds.
   * @defaultValue now, or the first version if none is in force
   */
  pricesAt?: number
  /** Called after each page read. */
  onProgress?: (progress: ReplayProgress) => void
  /** Aborts the simulation. */
  signal?: AbortSignal
}

const known: Record<keyof SimulateInput, true> = {
  accountId: true,
  name: true,
  apiKeyId: true,
  userId: true,
  from: true,
  to: true,
  configuration: true,
  changes: true,
  prices: true,
  pricesAt: true,
  onProgress: true,
  signal: true,
}

/** The parts of a Farebox that a simulation uses. */
export interface SimulateParts extends Omit<ReplayParts, 'keys'> {
  ledger: Ledger
  book: PriceBook
  now: number
}

/**
 * Computes what recorded work would have cost under another configuration or price book. It repeats every recorded decision with
 * the request, provider health and random numbers of its time, and prices the recorded usage for the provider that would have
 * been asked first.
 *
 * @throws {InvalidOptionError} the input changes nothing, `from` is not before `to`, or an option or a field of a configuration is
 *   unknown or wrong
 */
export async function simulate(parts: SimulateParts, input: SimulateInput): Promise<Simulation> {
  checkOptionNames(input, known, 'simulate()')
  const { from, to, configuration, changes, onProgress, signal, accountId, prices: _, pricesAt: __, ...filter } = input
  if (!configuration && !changes && !input.prices)
    throw new InvalidOptionError('nothing is different: give configuration, changes or prices')
  if (!(from < to)) throw new InvalidOptionError(`from must be before to, received ${from} and ${to}`)
  if (configuration) checkServiceConfiguration(configuration)
  if (changes) checkServiceConfiguration(presets.balanced(changes), 'changes')
  const under = replayUnder(parts, input)
  const sums = new SimulationSums(new ReplayPrices(parts.book))
  let accounts = 0
  for await (const id of accountId === undefined ? accountIds(parts.ledger) : [accountId]) {
    const replay = new CallReplay({ ...parts, keys: await keysOf(parts.ledger, id) })
    for await (const workflow of readWorkflows(parts.ledger, { ...filter, accountId: id, from, to }, { onProgress, signal })) {
      await sums.add(workflow, replay, under)
    }
    const { name, ...scope } = filter
    if (name === undefined) {
      for await (const stray of strayUsage(parts.ledger, { ...scope, accountId: id, from, to }, { signal })) sums.addStray(stray)
    }
    accounts += 1
  }
  return sums.result({ from, to, accounts, under, changes, configuration })
}

function replayUnder({ book, now }: SimulateParts, input: SimulateInput): ReplayUnder & { prices: ReplayPrices } {
  const { configuration } = input
  const changes = input.changes && given(input.changes)
  return {
    ...((configuration || changes) && {
      configure: (then) => ({ ...(configuration ?? then), ...changes }),
      elsewhere: configuration ? { ...configuration, ...changes } : namedBy(changes ?? {}),
    }),
    prices: replayPrices(book, { other: input.prices, at: input.pricesAt ?? now }),
    arePricesOther: input.prices !== undefined,
  }
}

/** The fields that are not `undefined`: those that a caller changes. */
function given(changes: Partial<ServiceConfiguration>): Partial<ServiceConfiguration> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
}

/** Reads the API keys of an account, by id. */
export async function keysOf(ledger: Ledger, accountId: string): Promise<ReplayParts['keys']> {
  // Throws if the account does not exist. Otherwise a missing account would look like one without keys.
  await ledger.balance(accountId)
  return new Map((await ledger.apiKeys(accountId)).map((key) => [key.apiKeyId, key]))
}

async function* accountIds(ledger: Ledger): AsyncGenerator<string, void, undefined> {
  for (let after = ''; ; ) {
    const page = await ledger.accounts({ after, limit: 500 })
    yield* page.map(({ accountId }) => accountId)
    const last = page.at(-1)
    if (page.length < 500 || !last) return
    after = last.accountId
  }
}

type LineSums = Pick<SimulatedLine, 'workflowName' | 'service' | 'workflows' | 'calls'> & {
  creditsThen: bigint
  creditsNow: bigint
  moved: Map<string, MovedCalls>
}

/** Sums up replayed workflows. Memory grows only with the number of workflow names and services. */
class SimulationSums {
  readonly #then: ReplayPrices
  readonly #lines = new Map<string, LineSums>()
  readonly #notReplayed = new Map<string, { service: string; reason: string; calls: number; due: bigint }>()
  #workflows = 0
  #calls = 0
  #elsewhere = 0
  #translated = 0
  #recounted = 0
  #conditioned = 0

  /** @param then  the prices that the calls were charged by */
  constructor(then: ReplayPrices) {
    this.#then = then
  }

  async add({ name, calls }: RecordedWorkflow, replay: CallReplay, under: ReplayUnder): Promise<void> {
    this.#workflows += 1
    this.#calls += calls.length
    const replayed: ReplayedCall[] = []
    await inTurns(calls, (call) => void replayed.push({ call, replayed: replay.replay(call, under) }))
    for (const [service, { creditsThen, creditsNow }] of await replayWorkflow(replayed, (call) => this.#then.stepOf(call))) {
      const line = this.#line(name, service)
      line.workflows += 1
      line.creditsThen += creditsThen
      line.creditsNow += creditsNow
    }
    for (const { call, replayed: after } of replayed) {
      const line = this.#line(name, call.service)
      line.calls += 1
      if (after.isSame) {
        if (after.because) this.#keep(call.service, after.because, 1, call.due + call.corrected)
        continue
      }
      if (under.configure && isConditioned(call)) this.#conditioned += 1
      if (after.isTranslated) this.#translated += 1
      if (after.quantities !== call.quantities) this.#recounted += 1
      if (after.provider === call.provider) continue
      if (!call.decision) this.#elsewhere += 1
      const pair = `${call.provider}\0${after.provider}`
      const moved = line.moved.get(pair) ?? { from: call.provider, to: after.provider, calls: 0 }
      line.moved.set(pair, { ...moved, calls: moved.calls + 1 })
    }
  }

  /** Adds usage that belongs to no workflow. */
  addStray({ service, calls, due }: StrayUsage): void {
    const line = this.#line(null, service)
    line.calls += calls
    line.creditsThen += due
    line.creditsNow += due
    this.#calls += calls
    this.#keep(service, 'usage that belongs to no workflow', calls, due)
  }

  result({
    from,
    to,
    accounts,
    under,
    configuration,
  }: { from: number; to: number; accounts: number; under: ReplayUnder } & Pick<
    SimulateInput,
    'changes' | 'configuration'
  >): Simulation {
    const lines = [...this.#lines.values()]
      .map(({ creditsThen, creditsNow, moved, ...line }) => ({
        ...line,
        creditsThen: microCredits(creditsThen),
        creditsNow: microCredits(creditsNow),
        difference: creditsNow - creditsThen,
        moved: [...moved.values()].sort((a, b) => b.calls - a.calls),
      }))
      .sort(
        (a, b) =>
          Number(b.creditsThen - a.creditsThen) ||
          `${a.workflowName} ${a.service}`.localeCompare(`${b.workflowName} ${b.service}`),
      )
    const creditsThen = lines.reduce((sum, line) => sum + line.creditsThen, 0n)
    const creditsNow = lines.reduce((sum, line) => sum + line.creditsNow, 0n)
    return {
      from,
      to,
      accounts,
      workflows: this.#workflows,
      calls: this.#calls,
      creditsThen: microCredits(creditsThen),
      creditsNow: microCredits(creditsNow),
      difference: creditsNow - creditsThen,
      lines,
      notReplayed: [...this.#notReplayed.values()]
        .map(({ due, ...rest }) => ({ ...rest, credits: microCredits(due) }) satisfies NotReplayed)
        .sort((a, b) => Number(b.credits - a.credits)),
      assumptions: assumptionsOf(under, {
        elsewhere: this.#elsewhere,
        translated: this.#translated,
        recounted: this.#recounted,
        conditioned: configuration ? 0 : this.#conditioned,
        hasConditions: (configuration?.conditions.length ?? 0) > 0,
      }),
    }
  }

  #line(workflowName: string | null, service: string): LineSums {
    const key = `${workflowName}\0${service}`
    const known = this.#lines.get(key)
    if (known) return known
    const line = { workflowName, service, workflows: 0, calls: 0, creditsThen: 0n, creditsNow: 0n, moved: new Map() }
    this.#lines.set(key, line)
    return line
  }

  #keep(service: string, reason: string, calls: number, due: bigint): void {
    const key = `${service}\0${reason}`
    const known = this.#notReplayed.get(key) ?? { service, reason, calls: 0, due: 0n }
    this.#notReplayed.set(key, { ...known, calls: known.calls + calls, due: known.due + due })
  }
}

/** The assumptions of a replay, in words. */
function assumptionsOf(
  under: Pick<ReplayUnder, 'configure' | 'prices' | 'arePricesOther'>,
  {
    elsewhere,
    translated,
    recounted,
    conditioned,
    hasConditions,
  }: Record<'elsewhere' | 'translated' | 'recounted' | 'conditioned', number> & {
    hasConditions: boolean
  },
): string[] {
  return [
    'the same amounts would have been used: as many tokens, characters and seconds as were recorded',
    ...(under.configure
      ? ['the quality of answers is not compared, and the provider that is asked first is assumed to answer']
      : []),
    under.arePricesOther
      ? `prices of ${under.prices.versions()}, with time windows and tiers by the moment of each call`
      : 'the prices at the time of each call',
    ...(elsewhere > 0 ? ['work that was done outside Farebox would have followed the configuration'] : []),
    ...(translated > 0 ? ['where a price has no rate for them, cached tokens count as input and reasoning as output'] : []),
    ...(recounted > 0 ? ['images count as the number of tokens that each model was expected to make of them'] : []),
    ...(conditioned > 0 ? ['fields that conditions had set would have changed too'] : []),
    ...(hasConditions ? ['conditions see only the metadata that the recorded conditions used'] : []),
  ]
}
