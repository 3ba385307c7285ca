import { afterEach, describe, expect, it } from 'vitest'
import type { LineStatus } from '../loopback/twilio-call.ts'
import { callContext, type OpenTwilio, openTwilio, phoneRequest, refusal } from './twilio-harness.ts'

let opened: OpenTwilio
afterEach(() => opened.close())

/** An adapter, and a call that has come as far as `status`. */
async function openAt(status: LineStatus) {
  opened = await openTwilio(() => ({ pollMs: 5 }), { goesOnByItself: false })
  const call = opened.loopback.add({ status, startedAt: Date.now() })
  return { ...opened, call }
}

const orders = () => opened.loopback.requests.filter(({ method }) => method === 'POST').map(({ body }) => body.Status)

describe('endCall of Twilio', () => {
  it.each([
    ['queued', 'canceled'],
    ['ringing', 'canceled'],
    ['in-progress', 'completed'],
  ] as const)('ends a call that is %s by %s', async (status, end) => {
    const { adapter, call } = await openAt(status)
    await adapter.endCall(call.sid, callContext())
    expect(call.status).toBe(end)
    expect(orders()).toEqual([end])
  })

  it('resolves for a call that had ended, as often as it is asked, and orders nothing', async () => {
    const { adapter, call } = await openAt('completed')
    await adapter.endCall(call.sid, callContext())
    await adapter.endCall(call.sid, callContext())
    expect(orders()).toEqual([])
  })

  it('ends a call that is answered while it is being canceled', async () => {
    const { adapter, call, loopback } = await openAt('ringing')
    // The answer to the look is old when the order comes.
    loopback.fail({ type: 'status', status: 200, body: { sid: call.sid, status: 'ringing' } }, { method: 'GET' })
    call.status = 'in-progress'
    await adapter.endCall(call.sid, callContext())
    expect(orders()).toEqual(['canceled', 'completed'])
    expect(call.status).toBe('completed')
  })

  it('resolves for a call that ends while it is being ended', async () => {
    const { adapter, call, loopback } = await openAt('completed')
    loopback.fail({ type: 'status', status: 200, body: { sid: call.sid, status: 'in-progress' } }, { method: 'GET' })
    await adapter.endCall(call.sid, callContext())
    expect(orders()).toEqual(['completed'])
  })

  it('does not say that a call has ended when it goes on', async () => {
    const { adapter, call, loopback } = await openAt('in-progress')
    loopback.fail({ type: 'status', status: 200, body: { sid: call.sid, status: 'in-progress' } }, { method: 'POST', times: 5 })
    await expect(adapter.endCall(call.sid, callContext())).rejects.toMatchObject({ kind: 'outcome_unknown', requestId: call.sid })
  })

  it('ends the wait of the call that was placed here, with what was connected until then', async () => {
    opened = await openTwilio(() => ({ pollMs: 5_000 }), { goesOnByItself: false })
    const { adapter, loopback } = opened
    const result = adapter.call(phoneRequest(), callContext())
    await expect.poll(() => loopback.calls).toHaveLength(1)
    const sid = loopback.calls[0]?.sid ?? ''
    await loopback.step(sid)
    await loopback.step(sid)
    await adapter.endCall(sid, callContext())
    expect(await result).toMatchObject({ callId: sid, status: 'completed', durationSeconds: 5 })
    expect(loopback.invoice).toMatchObject([{ requestId: sid, quantities: { seconds: 5, minutes: 1 } }])
  })

  it('fails as any request does when Twilio does not know the call, is ill, or the caller leaves', async () => {
    const { adapter, call, loopback } = await openAt('in-progress')
    await expect(adapter.endCall(`CA${'f'.repeat(32)}`, callContext())).rejects.toMatchObject({ kind: 'invalid_request' })
    loopback.fail(refusal(503, 20503))
    await expect(adapter.endCall(call.sid, callContext())).rejects.toMatchObject({ kind: 'unavailable', isRetryable: true })
    await expect(adapter.endCall(call.sid, callContext(AbortSignal.abort()))).rejects.toMatchObject({ kind: 'aborted' })
    expect(call.status).toBe('in-progress')
  })
})
