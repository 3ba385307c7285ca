import type { CallObserver } from 'farebox'

/** Sums up what a box tells its observers. */
export class Tally implements CallObserver {
  /** By {@link keyOf}, in micro-credits. */
  readonly told = new Map<string, bigint>()
  /** By service, in micro-credits. */
  readonly byService = new Map<string, bigint>()
  /** Calls that have begun and not ended. */
  running = 0

  begin(call: Parameters<NonNullable<CallObserver['begin']>>[0]) {
    this.running += 1
    let hasEnded = false
    return {
      ended: ({ creditsUsed }: { creditsUsed: bigint }) => {
        if (hasEnded) throw new Error('a call ended twice')
        hasEnded = true
        this.running -= 1
        this.#add(call, creditsUsed)
      },
    }
  }

  recorded({ creditsUsed, ...work }: Work & { creditsUsed: bigint }): void {
    this.#add(work, creditsUsed)
  }

  #add(work: Work, creditsUsed: bigint): void {
    const key = keyOf(work)
    this.told.set(key, (this.told.get(key) ?? 0n) + creditsUsed)
    this.byService.set(work.service, (this.byService.get(work.service) ?? 0n) + creditsUsed)
  }
}

interface Work {
  accountId: string
  workflowId: string | null
  service: string
}

/** Tells the work of one service in one workflow from all other work. */
export function keyOf({ accountId, workflowId, service }: Work): string {
  return `${accountId} ${service} in ${workflowId}`
}
