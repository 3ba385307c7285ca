import { CREDITS_MAX, type Credits, microCredits, type Offer, type UsageQuantity } from '@farebox/core'
import type { PhoneNumbers, RequestMetadata, Route, RouteRequest } from '@farebox/router'
import { CALL_SECONDS_MAX, callRoute, speakRoute, transcribeRoute } from './call-routes.ts'
import { chatRoute, questionAbout } from './chat-route.ts'
import { checkCallLengths } from './check-calls.ts'
import { errorOfRoute } from './errors.ts'
import { type MeterParts, type Payer, planOnly } from './hold-route.ts'
import { measureChat, offersFor } from './measure-chat.ts'
import { readAudio } from './read-audio.ts'
import type { WorkflowParts } from './workflow.ts'
import type { ChatInput, PlannedCalls } from './workflow-calls.ts'

/** The lowest, expected and highest price: of the cheapest provider that may serve, of the first, and of the most expensive. */
export interface CreditsRange {
  low: Credits
  expected: Credits
  high: Credits
}

/** The estimated cost of one call. */
export interface CallEstimate extends CreditsRange {
  service: string
  /** The provider that would be asked first. */
  provider: string
  /** What that provider is expected to count. */
  quantities: readonly UsageQuantity[]
}

/** The estimated cost of several calls, by service and in total. */
export interface CallsEstimate extends CreditsRange {
  services: CallEstimate[]
}

type LowOf = (offer: Offer) => readonly UsageQuantity[]

/** The workflow that calls are estimated for. */
export interface EstimateOwner extends Pick<Payer, 'configuration' | 'apiKey'> {
  /** Metadata that conditions check, in addition to that of each call. */
  metadata: RequestMetadata | undefined
}

/** Estimates calls with the plan that would serve them, whatever the balance. */
export async function estimateCalls(
  parts: WorkflowParts,
  owner: EstimateOwner,
  { chat, see, transcribe, speak, call }: PlannedCalls,
): Promise<CallsEstimate> {
  const services: CallEstimate[] = []
  const add = (request: RouteRequest, low?: LowOf) => services.push(estimateCall(parts, owner, request, low))
  const addChat = async (service: 'gpt' | 'vision', operation: 'chat' | 'see', input: ChatInput) => {
    const offers = offersFor(parts.catalog, service, input.provider)
    const route = chatRoute(service, operation, input, await measureChat(input, offers, parts.loadTokenizers))
    add(route, (offer) => route.usageOf(offer).low)
  }
  if (chat) await addChat('gpt', 'chat', chat)
  if (see) await addChat('vision', 'see', { ...see, messages: questionAbout(see.prompt, see.images) })
  if (transcribe) add(transcribeRoute((await readAudio(transcribe.audio)).durationSeconds, transcribe))
  if (speak) add(speakRoute(speak.text, speak))
  if (call) {
    checkCallLengths(call)
    add(callRoute(call.durationSecondsMax ?? CALL_SECONDS_MAX, call))
  }
  const sum = (level: keyof CreditsRange) => microCredits(services.reduce((total, one) => total + one[level], 0n))
  return { services, low: sum('low'), expected: sum('expected'), high: sum('high') }
}

function estimateCall(parts: MeterParts, owner: EstimateOwner, request: RouteRequest, low?: LowOf): CallEstimate {
  const metadata = { ...owner.metadata, ...request.metadata }
  const route = planOnly(parts, owner, { ...request, metadata }, CREDITS_MAX)
  if (route.status === 'refused') throw errorOfRoute(route)
  const first = route.candidates[0]
  if (!first) throw new Error('a route without candidates')
  return {
    service: request.service,
    provider: first.offer.provider,
    quantities: (request.usageOf?.(first.offer) ?? request).expected,
    low: leastOf(parts, route, request.numbers, low),
    expected: first.chargeExpected,
    high: route.hold,
  }
}

/** The lowest charge of any candidate: for the least that it may use, or where more costs less, for what it is expected to use. */
function leastOf(
  { prices }: MeterParts,
  { candidates }: Route,
  numbers: PhoneNumbers | undefined,
  low: LowOf | undefined,
): Credits {
  const charges = candidates.flatMap(({ offer, chargeExpected }) =>
    low ? [chargeExpected, prices.predict(offer, low(offer), numbers).charge] : [chargeExpected],
  )
  charges.sort((a, b) => (a < b ? -1 : 1))
  return charges[0] ?? microCredits(0n)
}
