import type { Credits } from '@farebox/core'
import type { RefusalReason, Rejection, RejectionReason, RouteRefusal, TooLong } from './route.ts'
import type { RouteRequest } from './route-request.ts'
import type { ServiceConfiguration } from './service-configuration.ts'

/** How close to serving a rejected offer came. The closest one decides the refusal. */
const nearness: Record<RejectionReason, number> = {
  not_requested: 0,
  excluded: 0,
  not_configured: 0,
  provider_disabled: 0,
  capability: 1,
  price_not_found: 2,
  over_request_limit: 3,
  insufficient_credits: 4,
}

/** The refusal of a request whose service the configuration disables. */
export function refuseDisabled(request: RouteRequest): RouteRefusal {
  const what = request.needs?.images || request.operation === 'see' ? 'vision' : request.service
  return answer(request, [], 'service_disabled', `the configuration does not enable ${what}`)
}

/** The refusal that follows from the rejections. */
export function refuse(
  request: RouteRequest,
  rejected: readonly Rejection[],
  configuration: ServiceConfiguration,
  affordable: Credits,
): RouteRefusal {
  let nearest: Rejection | undefined
  for (const rejection of rejected) {
    if (!nearest || isNearer(rejection, nearest)) nearest = rejection
  }
  const needed = nearest?.charge
  switch (nearest?.reason) {
    case 'insufficient_credits':
      return {
        ...answer(request, rejected, nearest.reason, `${service(request)} ${nearest.detail}`),
        needed,
        available: affordable,
      }
    case 'over_request_limit':
      return {
        ...answer(request, rejected, nearest.reason, `${service(request)} ${nearest.detail}`),
        needed,
        limit: nearest.allowed ?? configuration.maxCreditsPerRequest ?? undefined,
      }
    case 'capability': {
      const longest = roomiest(rejected)
      if (longest) return { ...answer(request, rejected, nearest.reason, tooLongText(request, longest)), tooLong: longest }
      return answer(request, rejected, nearest.reason, `no provider can serve ${service(request)}: ${nearest.detail}`)
    }
    case 'price_not_found':
      return answer(request, rejected, nearest.reason, `no provider can serve ${service(request)}: ${nearest.detail}`)
    default:
      return answer(request, rejected, 'no_provider', noProvider(request, rejected))
  }
}

/** Of two equally close rejections over money, the cheaper one is nearer. */
function isNearer(left: Rejection, right: Rejection): boolean {
  const difference = nearness[left.reason] - nearness[right.reason]
  return (
    difference > 0 || (difference === 0 && left.charge !== undefined && right.charge !== undefined && left.charge < right.charge)
  )
}

/** Of the offers that would serve a shorter request, the one that accepts the most. */
function roomiest(rejected: readonly Rejection[]): TooLong | undefined {
  let found: TooLong | undefined
  for (const { tooLong } of rejected) if (tooLong && tooLong.most > (found?.most ?? -1)) found = tooLong
  return found
}

function tooLongText(request: RouteRequest, { unit, length, most }: TooLong): string {
  const what = unit === 'tokens' ? `${Math.ceil(length)} tokens with its answer` : `${length} characters`
  return `too long for any provider of ${service(request)}: it has some ${what}, and they take ${most} at most`
}

function noProvider(request: RouteRequest, rejected: readonly Rejection[]): string {
  if (rejected.length === 0) return `no adapter offers ${request.service}`
  const asked = rejected.filter((rejection) => rejection.reason !== 'not_requested')
  if (asked.length === 0) {
    const known = [...new Set(rejected.map((rejection) => rejection.offer.provider))].join(', ')
    return `no adapter offers ${service(request)}; offered are ${known}`
  }
  return `no provider is left for ${service(request)}: ${asked.map(({ offer, reason }) => `${offer.provider} ${reason}`).join(', ')}`
}

function service(request: RouteRequest): string {
  return request.provider === undefined ? request.service : `${request.service} by ${request.provider}`
}

function answer(request: RouteRequest, rejected: readonly Rejection[], reason: RefusalReason, message: string): RouteRefusal {
  return { status: 'refused', service: request.service, operation: request.operation, reason, message, rejected }
}
