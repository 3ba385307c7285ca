import { CREDIT_LINE } from '../machine/lots.ts'
import { refundIdOf } from '../machine/return-lots.ts'
import type { AccountRow, GrantRow, HoldRow, UsageRow } from '../rows.ts'
import type { Findings } from './report.ts'
import { add, sum } from './sums.ts'

/**
 * Checks what was spent of each grant against the lots of usage records and the debt that it repaid, and what is pinned of it
 * against the lots of holds. What a refund could not give back to a grant is in a grant of its own. A grant that was charged back
 * takes no part in refunds, so its lots say less.
 */
export class GrantCheck {
  readonly #findings: Findings
  readonly #grants: readonly GrantRow[]
  readonly #byId: ReadonlyMap<string, GrantRow>
  readonly #spent: Map<string, bigint>
  readonly #pins = new Map<string, bigint>()

  /** @param repaid  the debt that each grant repaid */
  constructor(grants: readonly GrantRow[], repaid: ReadonlyMap<string, bigint>, findings: Findings) {
    this.#findings = findings
    this.#grants = grants
    this.#byId = new Map(grants.map((grant) => [grant.grantId, grant]))
    this.#spent = new Map(repaid)
  }

  addUsage({ usageId, corrects, lots }: UsageRow): void {
    for (const [index, { grantId, amount }] of lots.entries()) {
      const regranted = corrects === null ? undefined : this.#byId.get(refundIdOf(usageId, index + 1))
      add(this.#spent, grantId, amount + (regranted?.amount ?? 0n))
    }
  }

  addHold({ holdId, remaining, lots }: HoldRow): void {
    this.#findings.expect(
      'pins',
      holdId,
      remaining,
      sum(lots, ({ amount }) => amount),
    )
    for (const { grantId, amount } of lots) add(this.#pins, grantId, amount)
  }

  end({ creditHeld }: AccountRow): void {
    for (const { grantId, state, amount, remaining, gone, pinned } of this.#grants) {
      if (state !== 'charged_back') {
        this.#findings.expect('grants', `${grantId} spent`, this.#spent.get(grantId) ?? 0n, amount - remaining - gone)
      }
      this.#findings.expect('pins', grantId, this.#pins.get(grantId) ?? 0n, pinned)
    }
    this.#findings.expect('pins', 'credit line', this.#pins.get(CREDIT_LINE) ?? 0n, creditHeld)
  }
}
