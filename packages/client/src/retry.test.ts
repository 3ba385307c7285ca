import { describe, expect, it } from 'vitest'
import { FareboxApiError, FareboxConnectionError } from './api-error.ts'
import { parseRetryAfter, retryWaitMs } from './retry.ts'

const answered = (status: number, code = `HTTP_${status}`, retryAfterMs?: number) =>
  new FareboxApiError({ type: 'about:blank', title: '', status, code, detail: '' }, { retryAfterMs })
const lost = new FareboxConnectionError('CONNECTION_FAILED', 'lost', { cause: undefined })

describe('retryWaitMs', () => {
  it.each([429, 502, 503, 504])('sends again after a %d', (status) => {
    expect(retryWaitMs(answered(status), 1, 0)).toBe(125)
  })

  it.each([400, 401, 402, 403, 404, 409, 413, 422, 500])('leaves a %d to the caller', (status) => {
    expect(retryWaitMs(answered(status), 1, 0)).toBeUndefined()
  })

  it('waits for a first attempt that the server still works on', () => {
    expect(retryWaitMs(answered(409, 'IDEMPOTENCY_IN_PROGRESS', 1_000), 1, 0)).toBe(1_125)
  })

  it('leaves alone what is no failure of the connection', () => {
    expect(retryWaitMs(new TypeError('a defect'), 1, 0)).toBeUndefined()
  })

  it('never sends again what an answer had begun for', () => {
    expect(retryWaitMs(new FareboxConnectionError('STREAM_CUT', 'cut', { cause: undefined }), 1, 0)).toBeUndefined()
  })

  it('waits twice as long after each failure, and never beyond eight seconds', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 50].map((failures) => retryWaitMs(lost, failures, 1))).toEqual([
      250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000,
    ])
  })

  it('waits no less than half of that, so that chance spreads clients and never hurries them', () => {
    expect(retryWaitMs(lost, 3, 0)).toBe(500)
  })

  it('waits at least as long as the server asks, and not at all for one that asks for minutes', () => {
    expect(retryWaitMs(answered(503, 'X', 60_000), 1, 0)).toBe(60_125)
    expect(retryWaitMs(answered(503, 'X', 60_001), 1, 0)).toBeUndefined()
  })
})

describe('parseRetryAfter', () => {
  const now = Date.parse('2026-11-02T09:00:00Z')

  it.each([
    ['nothing', null, undefined],
    ['seconds', '2', 2_000],
    ['a date', 'Mon, 02 Nov 2026 09:00:30 GMT', 30_000],
    ['a date that has passed', 'Mon, 02 Nov 2026 08:00:00 GMT', 0],
    ['words', 'soon', undefined],
    ['a fraction', '1.5', undefined],
    ['less than none', '-1', undefined],
    ['the header of two servers', '2, 2', undefined],
  ])('reads %s', (_, header, milliseconds) => {
    expect(parseRetryAfter(header, now)).toBe(milliseconds)
  })
})
