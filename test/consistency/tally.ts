import type { CallObserver } from 'farebox'

/** Sums up what a box tells its observers. */
export class Tally implements CallObserver {
  readonly byWorkflow = new Map<string, bigint>()
  total = 0n
  /** Calls that have begun and not ended. */
  running = 0

  begin({ workflowId }: Parameters<NonNullable<CallObserver['begin']>>[0]) {
    this.running += 1
    let hasEnded = false
    return {
      ended: ({ creditsUsed }: { creditsUsed: bigint }) => {
        if (hasEnded) throw new Error('a call ended twice')
        hasEnded = true
        this.running -= 1
        this.#add(workflowId, creditsUsed)
      },
    }
  }

  recorded({ workflowId, creditsUsed }: { workflowId: string; creditsUsed: bigint }): void {
    this.#add(workflowId, creditsUsed)
  }

  #add(workflowId: string, creditsUsed: bigint): void {
    this.total += creditsUsed
    this.byWorkflow.set(workflowId, (this.byWorkflow.get(workflowId) ?? 0n) + creditsUsed)
  }
}
