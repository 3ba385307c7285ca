import type { ExportFormat } from '@farebox/ledger/export'
import type { Farebox } from '../farebox.ts'
import { InvalidBodyError } from './http-errors.ts'

/** Which export to write. */
export interface Download {
  kind: 'usage' | 'purchases'
  format: ExportFormat
  /** @defaultValue every account */
  accountId?: string
  from?: number
  to?: number
  includeCosts?: boolean
}

const ENDINGS: Readonly<Record<ExportFormat, string>> = {
  csv: 'csv',
  focus: 'focus.csv',
  jsonl: 'jsonl',
  cloudevents: 'cloudevents.jsonl',
}

/**
 * Streams an export from the database as fast as its reader takes it. A failure before the first piece becomes a problem. After
 * it, the answer breaks off.
 *
 * @throws {InvalidBodyError} FOCUS was asked for, and the host has not set the price of a credit
 * @throws {NotFoundError} no such account
 */
export async function exportDownload(
  { box, report }: { box: Farebox; report(error: unknown): void },
  { kind, format, accountId, from, to: until, includeCosts }: Download,
): Promise<Response> {
  const { focus } = box
  if (format === 'focus' && !focus) {
    const problem = 'focus is not offered here: the operator has to set the option focus, with the price of a credit'
    throw new InvalidBodyError([{ field: 'format', problem }])
  }
  if (accountId !== undefined) await box.ledger.history.account(accountId)
  // Loaded on demand: most processes export nothing.
  const { exportMediaTypes, exportPurchases, exportUsage } = await import('@farebox/ledger/export')
  const write = kind === 'usage' ? exportUsage : exportPurchases
  const pieces = write(box.ledger, { format, accountId, from, until, includeCosts, focus })
  const first = await pieces.next()
  return new Response(streamOf(first, pieces, report), {
    headers: {
      'content-type': exportMediaTypes[format],
      'content-disposition': `attachment; filename="farebox-${kind}.${ENDINGS[format]}"`,
      'cache-control': 'no-store',
    },
  })
}

/** Reads a piece once the one before it was taken, and none after the reader has left. */
function streamOf(
  first: IteratorResult<string, void>,
  pieces: AsyncGenerator<string, void, undefined>,
  report: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let step: IteratorResult<string, void> | undefined = first
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = step ?? (await pieces.next())
          step = undefined
          if (done) return controller.close()
          controller.enqueue(encoder.encode(value))
        } catch (error) {
          report(error)
          controller.error(error)
        }
      },
      async cancel() {
        await pieces.return()
      },
    },
    { highWaterMark: 0 },
  )
}
