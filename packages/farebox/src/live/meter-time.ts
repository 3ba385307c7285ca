import { type Credits, InvalidOptionError, InvalidQuantityError, quantity } from '@farebox/core'
import { keyPermission, type Refusal } from '@farebox/ledger'
import { applyConditions } from '@farebox/router'
import { seconds } from '../call-routes.ts'
import type { CallRunner } from '../call-runner.ts'
import { errorOfRefusal, ServiceNotAllowedError } from '../errors.ts'
import { atLeastOne } from '../hold-route.ts'
import { LENGTH_SECONDS_MAX } from '../phone-call.ts'
import { renewKey } from '../renew-key.ts'
import { requestLimit } from '../request-limit.ts'
import { safeListener } from '../safe-listener.ts'
import { quantitiesJson } from '../settle-call.ts'
import { quietly } from '../telemetry/watch-call.ts'
import type { MeterEnd, MeteredTime, MeterInput } from '../workflow-calls.ts'
import { overLiveLimit } from './live-limit.ts'
import { LIVE_HOLD_TTL_MS, LiveMeter, type LivePart, type Spent } from './live-meter.ts'
import type { LiveParts } from './open-live.ts'
import { PaidTime } from './paid-time.ts'

/**
 * Seconds to pay for at once. The smaller ones are tried if the account cannot pay for more. They are short, to notice when
 * credits run out.
 */
const PARTS = [15, 5, 1] as const
/** The fewest seconds to charge at once. A crash loses little more than a minute: these, those in advance and the lag of charges. */
const CHARGE_SECONDS = 55
const LOW_SECONDS = 60
const RESERVE_SECONDS = 10
/** How many more seconds must pass before a failed request for credits is retried. */
const RETRY_SECONDS = 1

interface TimeParts extends LiveParts {
  /** The metadata that the configuration's conditions check. */
  metadata: Readonly<Record<string, string>> | undefined
}

/**
 * Meters time that the host's own code spends with a provider.
 *
 * @throws {UnauthorizedError} the API key was revoked or has expired
 * @throws {ServiceNotAllowedError} the key may not use the service, or the provider
 * @throws {RequestLimitError} even the first seconds cost more than the configuration or the key allows per request
 * @throws {PriceNotFoundError} the provider has no price per time
 * @throws {InsufficientCreditsError} the account cannot pay for the reserve and one second: nothing was held
 */
export async function meterTime({ parts, payer, runner, metadata }: TimeParts, input: MeterInput): Promise<RunningTime> {
  const { service, provider, model, to, from, requestId, reserveSeconds = RESERVE_SECONDS, lowSeconds = LOW_SECONDS } = input
  for (const [name, value] of Object.entries({ reserveSeconds, lowSeconds })) {
    if (!(Number.isFinite(value) && value >= 0)) throw new InvalidOptionError(`${name} must be seconds from 0, received ${value}`)
  }
  const renewal = renewKey(parts, payer)
  if (renewal) await renewal
  const { accountId, envelope, apiKey, userId } = payer
  if (apiKey && !keyPermission(apiKey, service, provider)) {
    throw new ServiceNotAllowedError(service, `API key ${apiKey.prefix} may not use ${service} of ${provider}`)
  }
  const limit = requestLimit(payer, applyConditions(payer.configuration, metadata).configuration, { service, provider })
  const numbers = { to, from }
  const source = { service, provider, model, at: parts.prices.now(), ...numbers }
  let refusal: Refusal | undefined
  for (const part of PARTS) {
    const amount = parts.prices.mostOf(source, seconds(reserveSeconds + part))
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
      amount: atLeastOne(amount),
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
    const onCharged = (creditsUsed: Credits) => {
      const work = { accountId, workflowId: payer.workflowId, service, creditsUsed }
      for (const observer of parts.observers) quietly(() => observer.recorded?.(work))
    }
    const running = new RunningTime(meter, time, { runner, onSpent, onCharged, reserveSeconds, onError: parts.onError })
    // A closing Farebox waits for this as for the reader of a stream, and ends it after the grace period.
    parts.background(running.over)
    parts.streams.add(() => void running.stop(), running.over)
    return running
  }
  throw errorOfRefusal(refusal as Refusal)
}

interface RunningParts {
  runner: CallRunner
  onSpent(facts: Spent): void
  /** Called once, when it has ended and its charge is known. */
  onCharged(creditsUsed: Credits): void
  reserveSeconds: number
  onError(error: unknown): void
}

export class RunningTime implements MeteredTime {
  readonly #meter: LiveMeter
  readonly #time: PaidTime
  readonly #parts: RunningParts
  #seconds = 0
  #askedAt = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | undefined
  #isSpent = false
  #ended: Promise<MeterEnd> | undefined
  /** Set by the first call of `end`, with the duration that it gave, if any. */
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
    checkPassed(passed)
    if (this.#told) return
    if (passed <= this.#seconds) return this.#asking
    this.#seconds = passed
    if (this.#isSpent) return
    const isPaid = passed + this.#parts.reserveSeconds <= this.#time.covered
    // Otherwise the ledger is asked first: credits may have been added since.
    if (isPaid) this.#time.warn(passed)
    if (!isPaid && !this.#asking && passed >= this.#askedAt + RETRY_SECONDS) {
      this.#askedAt = passed
      this.#asking = this.#parts.runner.track(this.#cover()).finally(() => {
        this.#asking = undefined
      })
    }
    await this.#asking
  }

  end(passed?: number): Promise<MeterEnd> {
    if (passed !== undefined) checkPassed(passed)
    this.#told ??= { passed }
    this.#ended ??= this.#parts.runner.track(this.#end(this.#told.passed)).catch((error: unknown) => {
      // The database is unavailable: a later call of `end` may succeed.
      this.#ended = undefined
      throw error
    })
    return this.#ended
  }

  /** Resolves when the time has ended or was stopped. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  /** Ends it at the seconds reached, if the database takes the charge now. */
  async stop(): Promise<void> {
    await this.end().catch((error: unknown) => this.#parts.onError(error))
    this.#over.resolve()
  }

  async #cover(): Promise<void> {
    const { onSpent, reserveSeconds, onError } = this.#parts
    let spent: Spent | undefined
    try {
      spent = await this.#time.cover(this.#seconds, this.#seconds + reserveSeconds)
    } catch (error) {
      // The database is unavailable: the hold lasts for now, and `reached` will try again.
      onError(error)
    }
    this.#time.warn(this.#seconds)
    if (!spent) return
    this.#isSpent = true
    const { reason, blockedBy } = spent
    if (!this.#told) onSpent({ reason, ...(blockedBy && { blockedBy }) })
  }

  async #end(passed?: number): Promise<MeterEnd> {
    await this.#asking
    const total = passed ?? this.#seconds
    const rest = Math.max(0, total - this.#time.charged)
    const certainty = passed === undefined ? 'derived' : 'exact'
    const creditsUsed = await this.#meter.finish({ usage: { quantities: seconds(rest), certainty } }, [])
    this.#over.resolve()
    this.#parts.onCharged(creditsUsed)
    return { creditsUsed, seconds: Math.max(total, this.#time.charged) }
  }
}

/** @throws {InvalidQuantityError} no call lasts that long: what it would cost could never be charged, or would be all that there is */
function checkPassed(passed: number): void {
  quantity(passed)
  if (passed <= LENGTH_SECONDS_MAX) return
  throw new InvalidQuantityError(`a metered time must be seconds from 0 to ${LENGTH_SECONDS_MAX} (a year), received ${passed}`)
}
