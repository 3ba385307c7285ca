import type { Fault } from '../loopback/faults.ts'
import type { Loopback } from '../loopback/loopback-server.ts'

/** The faults that are ordered, and how often each struck. */
export interface FaultSchedule {
  readonly struck: ReadonlyMap<string, number>
  stop(): void
}

/** Every fault that there is, those that put a provider out for long less often. */
const faults: readonly { name: string; weight: number; fault: Fault }[] = [
  {
    name: 'HTTP 500',
    weight: 4,
    fault: { type: 'status', status: 500, body: { error: { message: 'oops', type: 'server_error' } } },
  },
  { name: 'HTTP 503', weight: 3, fault: { type: 'status', status: 503, body: {} } },
  { name: 'HTTP 429', weight: 4, fault: { type: 'status', status: 429, body: {}, headers: { 'retry-after': '0' } } },
  {
    name: 'HTTP 400',
    weight: 1,
    fault: { type: 'status', status: 400, body: { error: { message: 'no', type: 'invalid_request_error' } } },
  },
  { name: 'HTTP 404', weight: 0.1, fault: { type: 'status', status: 404, body: {} } },
  { name: 'HTTP 401', weight: 0.1, fault: { type: 'status', status: 401, body: {} } },
  { name: 'HTML 502', weight: 3, fault: { type: 'html' } },
  { name: 'no answer', weight: 3, fault: { type: 'silence' } },
  { name: 'headers, then nothing', weight: 3, fault: { type: 'headers_then_hang' } },
  { name: 'socket cut at once', weight: 4, fault: { type: 'destroy' } },
  { name: 'broken JSON', weight: 3, fault: { type: 'garbage' } },
  { name: 'no usage', weight: 4, fault: { type: 'no_usage' } },
  { name: 'clean end without a finish', weight: 4, fault: { type: 'cut', after: 3 } },
  { name: 'reset in the middle', weight: 4, fault: { type: 'reset', after: 3 } },
  { name: 'stall in the middle', weight: 3, fault: { type: 'stall', after: 3 } },
  {
    name: 'error event',
    weight: 3,
    fault: { type: 'event_error', after: 3, error: { type: 'error', message: 'overloaded', code: 'server_error' } },
  },
  { name: 'close 1011', weight: 3, fault: { type: 'close', after: 2, code: 1011 } },
]
const total = faults.reduce((sum, { weight }) => sum + weight, 0)
/** A provider that hangs lets go after this long, when everybody has given it up. */
const HANGS_MS = 4_000
const MISSED_MS = 200

/**
 * Orders fault after fault from every provider, with a few good answers between them.
 *
 * @param share  of requests that are to meet one, about
 */
export function scheduleFaults(
  loopbacks: Readonly<Record<string, Loopback>>,
  share: number,
  random: () => number,
): FaultSchedule {
  const struck = new Map<string, number>()
  const timers = new Set<ReturnType<typeof setTimeout>>()
  let isStopped = false
  const stops = Object.values(loopbacks).map((loopback) => {
    let nextAt = 0
    let isOrdered = false
    return setInterval(() => {
      if (isStopped || isOrdered || loopback.requests.length < nextAt) return
      isOrdered = true
      const { name, fault } = draw(random)
      const order = loopback.fail(fault)
      const goOn = () => {
        isOrdered = false
        nextAt = loopback.requests.length + Math.floor((random() * 2) / share)
      }
      // One that has no part in the request that it met strikes nobody.
      const missed = setTimeout(goOn, MISSED_MS)
      void order.struck.then(() => {
        clearTimeout(missed)
        struck.set(name, (struck.get(name) ?? 0) + 1)
        goOn()
        const timer = setTimeout(() => {
          timers.delete(timer)
          order.release()
        }, HANGS_MS)
        timers.add(timer)
      })
    }, 2)
  })
  return {
    struck,
    stop() {
      isStopped = true
      for (const stop of stops) clearInterval(stop)
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

function draw(random: () => number): (typeof faults)[number] {
  let left = random() * total
  for (const fault of faults) {
    left -= fault.weight
    if (left < 0) return fault
  }
  return faults[0] as (typeof faults)[number]
}
