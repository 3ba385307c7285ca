import { createAdminClient, createClient, FareboxApiError, FareboxConnectionError } from '@farebox/client'
import { simulated } from '@farebox/providers/simulated'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openAccount, openBox } from '../farebox/open-box.ts'
import { adminToken, cutLines, serve, serveApi } from './serve-api.ts'

const minute = { service_type: 'phone', provider: 'twilio', units_consumed: 1, unit_type: 'minutes' } as const

describe('a connection that is cut after the server has answered', () => {
  it('charges usage once', async () => {
    const box = await openBox()
    const { key } = await openAccount(box)
    const url = await serveApi(box)
    const direct = createClient({ baseUrl: url, apiKey: key })
    const { workflow_id } = await direct.workflows.open({ workflow_name: 'call' })

    const line = await cutLines(url, ['answer', 'answer'])
    const client = createClient({ baseUrl: line.url, apiKey: key })
    expect(await client.workflows.usage(workflow_id, minute)).toEqual({ credits_used: 20, credit_balance: 9_980 })
    expect(line.connections).toBe(3)
    expect((await direct.workflows.close(workflow_id)).total_credits_used).toBe(20)
    expect((await direct.credits()).credit_balance).toBe(9_980)
  })

  it('lets an agent answer once, and brings that answer', async () => {
    let calls = 0
    const counting = simulated({
      failures: () => {
        calls++
        return undefined
      },
    })
    const box = await openBox({ providers: [counting] })
    const { key } = await openAccount(box)
    const url = await serveApi(box)
    const agent = await createClient({ baseUrl: url, apiKey: key }).agents.create()

    const client = createClient({ baseUrl: (await cutLines(url, ['answer'])).url, apiKey: key })
    const { text, receipt } = await client.agents.chat(agent.agent_id, { message: 'Hello' })
    expect(text).toContain('Hello')
    expect(calls).toBe(1)
    expect((await client.credits()).credit_balance).toBe(10_000 - receipt.total_credits_used)
    expect((await client.usage()).workflow_breakdown).toMatchObject({ chat: { count: 1 } })
  })

  it('opens one account and grants once', async () => {
    const box = await openBox()
    const line = await cutLines(await serveApi(box), ['answer', 'answer'])
    const admin = createAdminClient({ baseUrl: line.url, adminToken })
    const { account_id } = await admin.createAccount({ name: 'Ada', credits: 100 })
    expect(await box.ledger.accounts()).toMatchObject([{ accountId: account_id, balance: 100_000_000n }])
    const again = createAdminClient({ baseUrl: (await cutLines(line.url, ['answer'])).url, adminToken })
    expect(await again.grant({ account_id, credits: 5 })).toMatchObject({ credit_balance: 105 })
  })

  it('makes one key, whose secret is lost with the answer', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const line = await cutLines(await serveApi(box), ['answer'])
    const created = await createAdminClient({ baseUrl: line.url, adminToken }).createKey({ account_id: accountId })
    expect(created).toEqual({ prefix: expect.any(String) })
    expect(await box.ledger.apiKeys(accountId)).toHaveLength(2)
  })
})

describe('a connection that is cut while the server works', () => {
  it('charges what was asked once', async () => {
    const box = await openBox({ providers: [simulated({ latencyMs: 300 })] })
    const { key, accountId } = await openAccount(box)
    const url = await serveApi(box)
    const agent = await createClient({ baseUrl: url, apiKey: key }).agents.create()

    const client = createClient({ baseUrl: (await cutLines(url, [100])).url, apiKey: key, retries: 4 })
    const { receipt } = await client.agents.chat(agent.agent_id, { message: 'Hello' })
    expect(receipt.total_credits_used).toBe(1)
    expect((await box.ledger.balance(accountId)).balance).toBe(9_999_000_000n)
  })
})

describe('a server that is not well', () => {
  it('is asked again under the same idempotency key, after as long as it asks for', async () => {
    const seen: { key: unknown; at: number }[] = []
    const url = await serve((request, response) => {
      seen.push({ key: request.headers['idempotency-key'], at: performance.now() })
      if (seen.length > 1) return response.end('{"workflow_id":"w"}')
      response.writeHead(503, { 'retry-after': '1' }).end('the proxy is restarting')
    })
    const client = createClient({ baseUrl: url, apiKey: 'k' })
    expect(await client.workflows.open({ workflow_name: 'w' })).toEqual({ workflow_id: 'w' })
    expect(seen).toHaveLength(2)
    expect(seen[1]?.key).toBe(seen[0]?.key)
    expect(seen[1]?.key).toMatch(/^[0-9a-f]{32}$/)
    expect((seen[1]?.at ?? 0) - (seen[0]?.at ?? 0)).toBeGreaterThanOrEqual(1_000)
  })

  it.each([
    [429, 3],
    [502, 3],
    [504, 3],
    [402, 1],
    [500, 1],
  ])('is asked after a %d at most %d times', async (status, times) => {
    let requests = 0
    const url = await serve((_, response) => {
      requests++
      response.writeHead(status).end('<html>')
    })
    const error = await createClient({ baseUrl: url, apiKey: 'k' })
      .credits()
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(FareboxApiError)
    expect(error).toMatchObject({ status, code: `HTTP_${status}` })
    expect(requests).toBe(times)
  })

  it('is asked once where no retries are wanted', async () => {
    const line = await cutLines(await serve((_, response) => response.end('{}')), ['answer'])
    const error = await createClient({ baseUrl: line.url, apiKey: 'k', retries: 0 })
      .credits()
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(FareboxConnectionError)
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED', cause: expect.anything() })
  })

  it('is given more time after each failure', async () => {
    const waits: number[] = []
    const { setTimeout: real } = globalThis
    const spy = vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms = 0) => {
      waits.push(ms)
      return real(run, ms === 120_000 ? ms : 0)
    }) as typeof setTimeout)
    onTestFinished(() => spy.mockRestore())
    const fetch = async () => new Response('', { status: 503 })
    await expect(createClient({ baseUrl: 'http://farebox.test', apiKey: 'k', fetch, retries: 3 }).credits()).rejects.toThrow(
      '503',
    )
    const [first = 0, second = 0, third = 0, ...more] = waits.filter((ms) => ms !== 120_000)
    expect([first >= 125 && first <= 250, second >= 250 && second <= 500, third >= 500 && third <= 1_000]).toEqual([
      true,
      true,
      true,
    ])
    expect(more).toEqual([])
  })

  it('keeps no process alive once it is given up', async () => {
    const fetch = async () => {
      throw new TypeError('refused')
    }
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const client = createClient({ baseUrl: 'http://farebox.test', apiKey: 'k', fetch, retries: 0 })
    for (let times = 0; times < 5; times++) await expect(client.credits()).rejects.toMatchObject({ code: 'CONNECTION_FAILED' })
    expect(timers()).toBeLessThanOrEqual(before)
  })

  it('may name a time without telling its own clock', async () => {
    const url = await serve((_, response) => {
      response.sendDate = false
      response.writeHead(503, { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() }).end()
    })
    const error = await createClient({ baseUrl: url, apiKey: 'k' })
      .credits()
      .catch((thrown: unknown) => thrown)
    expect((error as FareboxApiError).retryAfterMs).toBeGreaterThan(3_000_000)
  })

  it('is told of by its status, whatever it says in a page that claims to be JSON', async () => {
    const url = await serve((_, response) => {
      response.writeHead(500, { 'content-type': 'application/json' }).end('<html>')
    })
    const asked = createClient({ baseUrl: url, apiKey: 'k', retries: 0 }).credits()
    await expect(asked).rejects.toMatchObject({ status: 500, code: 'HTTP_500' })
  })

  it('is asked again by the status that it has, whatever status its problem names', async () => {
    let requests = 0
    const url = await serve((_, response) => {
      requests++
      const problem = { type: 'about:blank', title: 'Busy', status: 400, code: 'BUSY', detail: 'busy' }
      response.writeHead(503, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
    })
    const asked = createClient({ baseUrl: url, apiKey: 'k', retries: 1 }).credits()
    await expect(asked).rejects.toMatchObject({ status: 503, code: 'BUSY', problem: { status: 503 } })
    expect(requests).toBe(2)
  })

  it('may not answer something else than a JSON object', async () => {
    for (const answer of ['<html>Please log in</html>', 'null', '[]', '"ok"']) {
      const url = await serve((_, response) => response.end(answer))
      const asking = createClient({ baseUrl: url, apiKey: 'k' }).credits()
      await expect(asking).rejects.toMatchObject({ status: 200, code: 'HTTP_200' })
    }
  })

  it('is asked again where its answer broke off and its length was not told', async () => {
    const keys: unknown[] = []
    const url = await serve((request, response) => {
      keys.push(request.headers['idempotency-key'])
      // As a proxy does that speaks HTTP/1.0 or compresses: the body ends with the connection.
      response.useChunkedEncodingByDefault = false
      response.writeHead(201, { 'content-type': 'application/json', connection: 'close' })
      response.end(keys.length === 1 ? '{"workflow_id":"' : '{"workflow_id":"w"}')
    })
    const client = createClient({ baseUrl: url, apiKey: 'k' })
    expect(await client.workflows.open({ workflow_name: 'w' })).toEqual({ workflow_id: 'w' })
    expect(new Set(keys).size).toBe(1)
    expect(keys).toHaveLength(2)
    keys.length = 0
    const asking = createClient({ baseUrl: url, apiKey: 'k', retries: 0 }).workflows.open({ workflow_name: 'w' })
    await expect(asking).rejects.toMatchObject({ name: 'FareboxConnectionError', code: 'CONNECTION_FAILED' })
  })

  it('is given up after the time that one attempt may take', async () => {
    const url = await serve(() => undefined)
    // Counted where they begin: one of so little time may end before the server has heard of it.
    let attempts = 0
    const counting: typeof fetch = (...request) => {
      attempts++
      return fetch(...request)
    }
    const client = createClient({ baseUrl: url, apiKey: 'k', timeoutMs: 50, retries: 1, fetch: counting })
    await expect(client.workflows.open({ workflow_name: 'w' })).rejects.toMatchObject({
      code: 'TIMEOUT',
      idempotencyKey: expect.any(String),
    })
    expect(attempts).toBe(2)
  })

  it.each([['null'], ['"signed out"'], ['']])('may not answer %j where something was asked for', async (body) => {
    const url = await serve((_, response) => response.end(body))
    await expect(createClient({ baseUrl: url, apiKey: 'k' }).credits()).rejects.toMatchObject({ status: 200, code: 'HTTP_200' })
  })

  it('is told of in words, whatever its error was made of', async () => {
    const url = await serve((_, response) => response.writeHead(400).end('{"code":5,"detail":{"why":"not ours"}}'))
    await expect(createClient({ baseUrl: url, apiKey: 'k' }).credits()).rejects.toMatchObject({
      code: 'HTTP_400',
      message: 'the server answered 400 Bad Request',
    })
  })

  it('is waited for without end where that is wished', async () => {
    const url = await serve((_, response) => setTimeout(() => response.end('{"available":1}'), 50))
    for (const timeoutMs of [Number.POSITIVE_INFINITY, 2 ** 31]) {
      const client = createClient({ baseUrl: url, apiKey: 'k', retries: 0, timeoutMs })
      expect(await client.credits()).toEqual({ available: 1 })
    }
  })

  it('names a time by its own clock, however wrong ours is', async () => {
    const anHourOn = Date.now() + 3_600_000
    const url = await serve((_, response) => {
      const headers = { date: new Date(anHourOn).toUTCString(), 'retry-after': new Date(anHourOn + 5_000).toUTCString() }
      response.writeHead(503, headers).end()
    })
    const client = createClient({ baseUrl: url, apiKey: 'k', retries: 0 })
    await expect(client.credits()).rejects.toMatchObject({ retryAfterMs: 5_000 })
  })

  it('lets a telephone ring once', async () => {
    let requests = 0
    const url = await serve((_, response) => {
      requests++
      response.writeHead(503).end()
    })
    const client = createClient({ baseUrl: url, apiKey: 'k', retries: 5 })
    const call = { to: '+15551234567', message: 'Hello' }
    await expect(client.agents.call('a', call, { retries: undefined })).rejects.toMatchObject({ status: 503 })
    expect(requests).toBe(1)
    await expect(client.agents.call('a', call, { retries: 1 })).rejects.toMatchObject({ status: 503 })
    expect(requests).toBe(3)
  })
})

describe('a server that redirects', () => {
  it.each([301, 302, 303, 307, 308])(
    'after a %d gets no POST elsewhere, where it would be a GET or come without its key',
    async (status) => {
      const seen: string[] = []
      const url = await serve(({ method, url: path = '' }, response) => {
        seen.push(`${method} ${path}`)
        if (path.startsWith('/moved')) return response.end('{"workflows":[],"next_cursor":null}')
        response.writeHead(status, { location: `/moved${path}` }).end()
      })
      const client = createClient({ baseUrl: url, apiKey: 'k' })
      await expect(client.workflows.open({ workflow_name: 'w' })).rejects.toMatchObject({
        code: `HTTP_${status}`,
        message: expect.stringContaining('to /moved/api/v1/workflows'),
      })
      expect(seen).toEqual(['POST /api/v1/workflows'])
      expect(await client.workflows.list()).toEqual({ workflows: [], next_cursor: null })
    },
  )
})

describe('a mistake of the caller', () => {
  it.each([
    ['a body that is no JSON', {}, { units_consumed: 5n as unknown as number }],
    ['retries that are no number', { retries: Number.NaN }, { units_consumed: 5 }],
    ['a time that is no number', { timeoutMs: Number.NaN }, { units_consumed: 5 }],
    ['retries as a text', { retries: 'many' as unknown as number }, { units_consumed: 5 }],
    ['a time as a text', { timeoutMs: '30s' as unknown as number }, { units_consumed: 5 }],
  ])('is told at once, and nothing is sent: %s', async (_, options, fields) => {
    let requests = 0
    const url = await serve((_request, response) => {
      requests++
      response.writeHead(503).end()
    })
    const usage = { service_type: 'gpt', provider: 'gpt-4o', unit_type: 'tokens', ...fields } as const
    const ask = async () => createClient({ baseUrl: url, apiKey: 'k', ...options }).workflows.usage('w', usage)
    await expect(ask()).rejects.toThrow(TypeError)
    expect(requests).toBe(0)
  })

  it.each<[unknown, string]>([
    [Number.NaN, 'retries must be a number, received NaN'],
    ['many', 'retries must be a number, received "many"'],
    [3n, 'retries must be a number, received 3'],
    [-1, 'retries must be a whole number from 0, received -1'],
    [1.5, 'retries must be a whole number from 0, received 1.5'],
  ])('is named with what was received: retries of %s', async (retries, message) => {
    const wrong = { retries: retries as number }
    expect(() => createClient({ baseUrl: 'http://127.0.0.1', apiKey: 'k', ...wrong })).toThrow(new TypeError(message))
    const client = createClient({ baseUrl: 'http://127.0.0.1', apiKey: 'k' })
    await expect(client.credits(wrong)).rejects.toThrow(new TypeError(message))
  })
})

describe('a client', () => {
  it.each<[object, string]>([
    [{ fetch: 5 }, 'fetch must be a function, received number'],
    [{ timeoutMs: '30s' }, 'timeoutMs must be a number, received "30s"'],
    [{ timeoutMs: 0 }, 'timeoutMs must be above 0, received 0; Infinity for no limit'],
    [{ timeoutMs: -5 }, 'timeoutMs must be above 0, received -5; Infinity for no limit'],
    [{ baseUrl: 5 }, 'baseUrl must be where the API is mounted, such as https://example.com, received 5'],
    [{ baseUrl: 'https://me:secret@example.com' }, 'baseUrl must not have a user or a password'],
  ])('is not made with %j, to which no request could be sent', (options, message) => {
    const make = () => createClient({ baseUrl: 'http://127.0.0.1', apiKey: 'k', ...options } as never)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
    expect(make).not.toThrow('secret')
  })

  it.each([undefined, null, {}])('asks for nothing by the id %s', async (id) => {
    let requests = 0
    const fetch = async () => {
      requests++
      return new Response('{}')
    }
    const client = createClient({ baseUrl: 'http://127.0.0.1', apiKey: 'k', fetch })
    await expect(async () => client.workflows.close(id as never)).rejects.toThrow('an id was expected')
    await expect(async () => client.agents.chat(id as never, { message: 'Hello' })).rejects.toThrow('an id was expected')
    expect(requests).toBe(0)
  })
})

describe('a caller who leaves', () => {
  it.each([
    ['a stream', (ended: (reason: unknown) => void) => new ReadableStream<Uint8Array>({ cancel: ended })],
    [
      'pieces',
      (ended: (reason: unknown) => void) => ({
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise<never>(() => undefined),
          return: async () => {
            ended('returned')
            return { done: true as const, value: undefined }
          },
        }),
      }),
    ],
  ])('while a recording is still read (%s) is answered at once, and the recording ends', async (_, recording) => {
    const leaving = new AbortController()
    const { promise: ended, resolve } = Promise.withResolvers<unknown>()
    const client = createClient({ baseUrl: 'http://127.0.0.1:9', apiKey: 'k' })
    const asked = client.agents.voice('a', { audio: recording(resolve) }, { signal: leaving.signal })
    setTimeout(() => leaving.abort(new Error('the tab was closed')), 20)
    await expect(asked).rejects.toThrow('the tab was closed')
    expect(await ended).toBeDefined()
  })

  it('is answered at once with the reason of the signal', async () => {
    const url = await serve(() => undefined)
    const leaving = new AbortController()
    const asked = createClient({ baseUrl: url, apiKey: 'k' }).credits({ signal: leaving.signal })
    setTimeout(() => leaving.abort(new Error('the tab was closed')), 20)
    await expect(asked).rejects.toThrow('the tab was closed')
  })

  it('does not wait for the next attempt', async () => {
    let requests = 0
    const leaving = new AbortController()
    const url = await serve((_, response) => {
      requests++
      response.writeHead(503, { 'retry-after': '30' }).end()
      response.on('finish', () => setTimeout(() => leaving.abort(), 100))
    })
    const asked = createClient({ baseUrl: url, apiKey: 'k' }).credits({ signal: leaving.signal })
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' })
    expect(requests).toBe(1)
  })

  it('leaves nothing behind that waits, and is not asked for after an answer', async () => {
    const leaving = new AbortController()
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    let [requests, listeners] = [0, 0]
    const added = vi.spyOn(leaving.signal, 'addEventListener').mockImplementation((...input) => {
      listeners += 1
      AbortSignal.prototype.addEventListener.apply(leaving.signal, input as [string, () => void])
    })
    const removed = vi.spyOn(leaving.signal, 'removeEventListener').mockImplementation((...input) => {
      listeners -= 1
      AbortSignal.prototype.removeEventListener.apply(leaving.signal, input as [string, () => void])
    })
    const fetch = async () => {
      requests += 1
      return requests === 1
        ? new Response('', { status: 503 })
        : new Response('', { status: 503, headers: { 'retry-after': '60' } })
    }
    const before = timers()
    const client = createClient({ baseUrl: 'http://farebox.test', apiKey: 'k', fetch })
    const asked = client.credits({ signal: leaving.signal })
    await expect.poll(() => requests).toBe(2)
    await expect.poll(() => listeners).toBe(1)
    leaving.abort(new Error('the tab was closed'))
    // It would wait for a minute.
    await expect(asked).rejects.toThrow('the tab was closed')
    expect(added).toHaveBeenCalledTimes(2)
    expect(removed).toHaveBeenCalledTimes(1)
    expect(timers()).toBeLessThanOrEqual(before)
  }, 50_000)

  it('sends nothing when it has left before', async () => {
    let requests = 0
    const url = await serve(() => requests++)
    await expect(createClient({ baseUrl: url, apiKey: 'k' }).credits({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(requests).toBe(0)
  })
})

describe('a request that has ended', () => {
  const events = ['data: {"type":"text","text":"a"}\n\n', 'data: {"type":"text","text":"b"}\n\n']
  const ending = 'data: {"type":"finish"}\n\n'
  const asStream = (chunks: readonly string[], fails = false) => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
        if (!fails) controller.close()
      },
      pull: (controller) => controller.error(new Error('cut')),
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
  const open = (client: ReturnType<typeof createClient>) => client.agents.streamChat('a', { message: 'm' })

  it.each<[string, () => Response, (client: ReturnType<typeof createClient>) => Promise<unknown>]>([
    ['whole', () => Response.json({}), (client) => client.credits()],
    ['with a problem', () => Response.json({}, { status: 404 }), (client) => client.credits()],
    ['read to its end', () => asStream([...events, ending]), async (client) => Array.fromAsync(await open(client))],
    ['broken off', () => asStream(events), async (client) => Array.fromAsync(await open(client))],
    ['broken', () => asStream(events, true), async (client) => Array.fromAsync(await open(client))],
    ['left unread', () => asStream(events), async (client) => (await open(client))[Symbol.asyncIterator]().return()],
  ])('keeps no timer, which would keep its process: %s', async (_, answer, ask) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    await ask(createClient({ baseUrl: 'http://127.0.0.1', apiKey: 'k', retries: 0, fetch: async () => answer() })).catch(() => {})
    expect(vi.getTimerCount()).toBe(0)
  })

  it('had its whole time for the first event of its stream, however long it took to begin', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const body = new TransformStream<Uint8Array, Uint8Array>()
    const client = createClient({
      baseUrl: 'http://127.0.0.1',
      apiKey: 'k',
      retries: 0,
      timeoutMs: 1_000,
      async fetch(_, init) {
        init?.signal?.addEventListener('abort', () => body.writable.abort(init.signal?.reason).catch(() => {}))
        await vi.advanceTimersByTimeAsync(900)
        return new Response(body.readable, { headers: { 'content-type': 'text/event-stream' } })
      },
    })
    const reading = Array.fromAsync(await open(client))
    await vi.advanceTimersByTimeAsync(900)
    const writer = body.writable.getWriter()
    void writer.write(new TextEncoder().encode(ending)).catch(() => {})
    expect(await reading).toEqual([{ type: 'finish' }])
  })
})
