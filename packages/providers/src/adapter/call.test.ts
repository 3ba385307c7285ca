import { describe, expect, it } from 'vitest'
import { openCall } from './call.ts'

describe('openCall', () => {
  it('gives a signal that fires when the call ends, also to whoever asks for it after that', () => {
    const call = openCall('acme', new AbortController().signal)
    const early = call.signal
    expect(early.aborted).toBe(false)
    call.end()
    expect(early.aborted).toBe(true)
    expect(call.signal).toBe(early)

    const unasked = openCall('acme', new AbortController().signal)
    unasked.end()
    expect(unasked.signal.aborted).toBe(true)
  })

  it('fires it with the reason for which the caller left, whenever it is asked for', () => {
    const reason = new DOMException('too late', 'TimeoutError')
    const caller = new AbortController()
    const call = openCall('acme', caller.signal)
    caller.abort(reason)
    expect(call.signal.reason).toBe(reason)
    call.end()
    expect(call.signal.reason).toBe(reason)
    expect(openCall('acme', caller.signal).signal.reason).toBe(reason)
  })

  it('goes on hearing a provider for as long as it is told to', async () => {
    const heard = Promise.withResolvers<void>()
    const call = openCall('acme', new AbortController().signal)
    call.end(heard.promise)
    expect(call.signal.aborted).toBe(false)
    heard.resolve()
    await heard.promise
    await Promise.resolve()
    expect(call.signal.aborted).toBe(true)
  })

  it('throws what a wait would where the caller has left', async () => {
    const caller = new AbortController()
    const call = openCall('acme', caller.signal)
    call.throwIfAborted()
    const waiting = call.race(new Promise<never>(() => {}))
    caller.abort()
    await expect(waiting).rejects.toMatchObject({ kind: 'aborted' })
    expect(() => call.throwIfAborted()).toThrow(expect.objectContaining({ kind: 'aborted' }))
  })
})
