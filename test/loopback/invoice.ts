/**
 * What one request costs, as the loopback provider that served it counts: a ledger must agree with it, line by line. A line is
 * written when the provider has done work that it would bill.
 */
export interface InvoiceLine {
  /** The path of the API: `/chat/completions`. */
  path: string
  model: string
  /** The provider's id of the request, as its answer carries it. */
  requestId: string
  /** What was asked, said or dialled, so that a test can tell whose line it is. */
  input: string
  /** What would be billed, by meter, in tokens, characters or seconds. */
  quantities: Readonly<Record<string, number>>
  /** What it bills in US dollars, as a decimal; absent where a price book has to say. */
  cost?: string
  /** `served`: the whole answer was sent. `broken`: a fault or the caller ended it on the way. */
  outcome: 'served' | 'broken'
}
