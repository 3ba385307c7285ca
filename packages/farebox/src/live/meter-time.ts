import { InvalidOptionError, microCredits, quantity } from '@farebox/core'
import { keyPermission, type Refusal } from '@farebox/ledger'
import { chargeOf } from '@farebox/pricing'
import { applyConditions } from '@farebox/router'
import { seconds } from '../call-routes.ts'
import type { CallRunner } from '../call-runner.ts'
import { errorOfRefusal, ServiceNotAllowedError } from '../errors.ts'
import { safeListener } from '../safe-listener.ts'
import { quantitiesJson } from '../settle-call.ts'
import type { MeterEnd, MeteredTime, MeterInput, SpentReason } from '../workflow-calls.ts'
import { liveLimit, overLiveLimit } from './live-limit.ts'
import { LIVE_HOLD_TTL_MS, LiveMeter, type LivePart } from './live-meter.ts'
import type { LiveParts } from './open-live.ts'
import { PaidTime } from './paid-time.ts'

/** Time is paid for by this much at once, and by less where that cannot be: often enough to see credits run out. */
const PARTS = [15, 5, 1] as const
/** How much is charged at once, so that a crash loses no more. */
const CHARGE_SECONDS = 55
const LOW_SECONDS = 60
const RESERVE_SECONDS = 10
/** Where credits could not be asked for, they are asked for again when so much more has passed. */
const RETRY_SECONDS = 1

interface TimeParts extends LiveParts {
  /** What the configuration's conditions look at. */
  metadata: Readonly<Record<string, string>> | undefined
}

/**
 * Pays for time that the host's own code spends with a provider.
 *
 * @throws {ServiceNotAllowedError} the key may not use the service, or the provider
 * @throws {RequestLimitError} even the first seconds cost more than the configuration or the key allows a request
 * @throws {PriceNotFoundError} the provider has no price by time
 * @throws {InsufficientCreditsError} not even the reserve can be paid: nothing was held
 */
export async function meterTime({ parts, payer, runner, metadata }: TimeParts, input: MeterInput): Promise<MeteredTime> {
  const { service, provider, model, to, from, requestId, reserveSeconds = RESERVE_SECONDS, lowSeconds = LOW_SECONDS } = input
  for (const [name, value] of Object.entries({ reserveSeconds, lowSeconds })) {
    if (!(Number.isFinite(value) && value >= 0)) throw new InvalidOptionError(`${name} must be seconds from 0, received ${value}`)
  }
  const { accountId, envelope, apiKey, userId } = payer
  if (apiKey && !keyPermission(apiKey, service, provider)) {
    throw new ServiceNotAllowedError(service, `API key ${apiKey.prefix} may not use ${service} of ${provider}`)
  }
  const limit = liveLimit(payer, applyConditions(payer.configuration, metadata).configuration, { service, provider })
  const numbers = { to, from }
  const source = { service, provider, model, at: parts.prices.now(), ...numbers }
  let refusal: Refusal | undefined
  for (const part of PARTS) {
    const amount = chargeOf(parts.prices.price(source, seconds(reserveSeconds + part)).rating)
    if (limit && amount > limit.amount) {
      if (part !== PARTS.at(-1)) continue
      throw overLiveLimit(payer, limit, service, amount)
    }
    const outcome = await envelope.placeHold({
      accountId,
      apiKeyId: apiKey?.apiKeyId,
      userId,
      service,
      provider,
      amount: microCredits(amount > 0n ? amount : 1n),
      ttlMs: LIVE_HOLD_TTL_MS,
    })
    if (outcome.status === 'refused') {
      refusal = outcome
      continue
    }
    const meter = new LiveMeter(parts, payer, {
      holdId: outcome.holdId,
      source,
      limit,
      details: ({ usage }: LivePart) => ({ usage: quantitiesJson(usage), at: source.at, requestId, numbers }),
    })
    const onLow = safeListener(input.onLow, parts.onError)
    const time = new PaidTime({ parts: PARTS, chargeSeconds: CHARGE_SECONDS, lowSeconds, onLow })
    const onSpent = safeListener(input.onSpent, parts.onError)
    time.begin(meter, outcome, reserveSeconds + part)
    const running = new RunningTime(meter, time, { runner, onSpent, reserveSeconds, onError: parts.onError })
    // A Farebox that closes waits for whoever meters it as for the reader of a stream, and then ends it itself.
    parts.background(running.over)
    parts.streams.add(() => void running.stop(), running.over)
    return running
  }
  throw errorOfRefusal(refusal as Refusal)
}

interface RunningParts {
  runner: CallRunner
  onSpent(facts: { reason: SpentReason }): void
  reserveSeconds: number
  onError(error: unknown): void
}

class RunningTime implements MeteredTime {
  readonly #meter: LiveMeter
  readonly #time: PaidTime
  readonly #parts: RunningParts
  #seconds = 0
  #askedAt = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | undefined
  #isSpent = false
  #ended: Promise<MeterEnd> | undefined
  /** Told by whoever ended it first: how long it was, or nothing. */
  #told: { passed: number | undefined } | undefined
  readonly #over = Promise.withResolvers<void>()

  constructor(meter: LiveMeter, time: PaidTime, parts: RunningParts) {
    this.#meter = meter
    this.#time = time
    this.#parts = parts
  }

  get seconds(): number {
    return this.#seconds
  }

  get isSpent(): boolean {
    return this.#isSpent
  }

  async reached(passed: number): Promise<void> {
    quantity(passed)
    if (this.#told || passed <= this.#seconds) return
    this.#seconds = passed
    if (this.#isSpent) return
    this.#time.warn(passed)
    const isPaid = passed + this.#parts.reserveSeconds <= this.#time.covered
    if (!isPaid && !this.#asking && passed >= this.#askedAt + RETRY_SECONDS) {
      this.#askedAt = passed
      this.#asking = this.#parts.runner.track(this.#cover()).finally(() => {
        this.#asking = undefined
      })
    }
    await this.#asking
  }

  end(passed?: number): Promise<MeterEnd> {
    if (passed !== undefined) quantity(passed)
    this.#told ??= { passed }
    this.#ended ??= this.#parts.runner.track(this.#end(this.#told.passed)).catch((error: unknown) => {
      // The database is away, and may be back when it is ended again.
      this.#ended = undefined
      throw error
    })
    return this.#ended
  }

  /** Resolves when it has ended, or was stopped. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  /** Ends it where it had come to, if that can be written now. */
  async stop(): Promise<void> {
    await this.end().catch((error: unknown) => this.#parts.onError(error))
    this.#over.resolve()
  }

  async #cover(): Promise<void> {
    const { onSpent, reserveSeconds, onError } = this.#parts
    let reason: SpentReason | undefined
    try {
      reason = await this.#time.cover(this.#seconds, this.#seconds + reserveSeconds)
      if (!reason) return this.#time.warn(this.#seconds)
    } catch (error) {
      // The database is away: what is held goes on, and it is asked again.
      onError(error)
      return
    }
    this.#isSpent = true
    if (!this.#told) onSpent({ reason })
  }

  async #end(passed?: number): Promise<MeterEnd> {
    await this.#asking
    const total = passed ?? this.#seconds
    const rest = Math.max(0, total - this.#time.charged)
    const certainty = passed === undefined ? 'derived' : 'exact'
    const creditsUsed = await this.#meter.finish({ usage: { quantities: seconds(rest), certainty } }, [])
    this.#over.resolve()
    return { creditsUsed, seconds: total }
  }
}
