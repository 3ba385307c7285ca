import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { type Credits, credits, microUnits } from '@farebox/core'
import { simulated } from '@farebox/providers/simulated'
import { type Farebox, presets, type Workflow } from 'farebox'
import { describe, expect, it } from 'vitest'
import { openAccount, openBeside, openBox, storeNames } from './open-box.ts'
import { openLoopback, sdks } from './parties.ts'

const question = { messages: [{ role: 'user' as const, content: 'When does the heron hunt?' }] }

describe.each(storeNames)('on %s', (on) => {
  it('an answer tells what is left, a stream when it has ended', async () => {
    const box = await openBox({ on })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'work' })
    const balance = async () => (await box.ledger.balance(accountId)).balance
    const answer = await workflow.chat(question)
    expect(answer.balance).toBe(await balance())
    const stream = await workflow.streamChat(question)
    for await (const _ of stream.events);
    const settled = await stream.settled
    expect(settled.balance).toBe(await balance())
    await workflow.end()
  })

  it('a workflow ends without a receipt as it does with one, and once', async () => {
    const box = await openBox({ on })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'work' })
    await workflow.chat(question)
    await workflow.end()
    const ended = await box.ledger.workflow(accountId, workflow.id)
    expect(ended.closedAt).not.toBeNull()
    expect(await workflow.close()).toMatchObject({ workflow_id: workflow.id, total_credits_used: 1 })
    await expect(workflow.chat(question)).rejects.toMatchObject({ code: 'WORKFLOW_CLOSED' })
  })

  it('gives back each of two charges whose long ids begin alike', async () => {
    const box = await openBox({ on })
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'work' })
    await workflow.chat(question)
    const { balance } = await box.ledger.balance(accountId)
    for (const end of ['a', 'b']) {
      const usage = { quantity: microUnits(1_000_000n), unit: 'minutes', rated: credits(3) } as const
      const usageId = 'x'.repeat(199) + end
      await box.ledger.charge({ accountId, workflowId: workflow.id, usageId, service: 'phone', provider: 'x', usage })
    }
    await workflow.refund('it came to nothing')
    expect((await box.ledger.balance(accountId)).balance).toBe(balance + credits(1))
  })

  it('a workflow that could not be opened is opened when it is tried again', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'again' })
    const { openWorkflow } = box.ledger
    box.ledger.openWorkflow = () => Promise.reject(new Error('not now'))
    await expect(workflow.open()).rejects.toThrow('not now')
    box.ledger.openWorkflow = openWorkflow
    await workflow.open()
    expect(await box.ledger.workflow(accountId, workflow.id)).toMatchObject({ name: 'again', state: 'open' })
  })

  it('the reason of a workflow that cannot be opened is told, and nothing stays held for it', async () => {
    const box = await openBox({ on })
    const { accountId } = await openAccount(box)
    const reserve = (await box.ledger.balance(accountId)).balance * 2n
    const workflow = box.workflow({ accountId, name: 'work', reserve: reserve as Credits })
    await expect(workflow.chat(question)).rejects.toMatchObject({ code: 'INSUFFICIENT_CREDITS' })
    expect((await box.ledger.balance(accountId)).held).toBe(0n)
  })

  it.each(['an agent', 'a workflow of the host’s'])(
    'a Farebox that closes waits for the answer of %s, and its charge',
    async (whose) => {
      const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
      const { promise: answering, resolve: answer } = Promise.withResolvers<void>()
      const sleep = async () => {
        ask()
        await answering
      }
      const box = await openBox({ on, providers: [simulated({ latencyMs: 1, sleep })] })
      const { accountId, key } = await openAccount(box)
      const { agentId } = await box.agents.create({ accountId })
      const byAgent = async () => {
        const response = await box.routes()(
          new Request(`http://127.0.0.1/api/v1/agent/${agentId}/chat`, {
            method: 'POST',
            headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
            body: JSON.stringify({ message: 'When does the heron hunt?' }),
          }),
        )
        const { receipt } = (await response.json()) as { receipt: { total_credits_used: number } }
        return receipt.total_credits_used
      }
      const byHost = async () => Number((await box.workflow({ accountId, name: 'work' }).chat(question)).creditsUsed) / 1e6
      const used = whose === 'an agent' ? byAgent() : byHost()
      await asked
      const closed = box.close()
      answer()
      await closed
      expect(await used).toBe(1)
    },
  )
})

describe('a Farebox that closes', () => {
  const format = { encoding: 'mulaw', sampleRate: 8_000 } as const
  const over = (server: Awaited<ReturnType<typeof openLoopback>>) => sdks.slice(0, 1).map(({ adapter }) => adapter(server))

  it('ends streams that nobody reads, stops their providers, and charges what was produced', async () => {
    const text = Array.from({ length: 40 }, (_, index) => `word${index} `).join('')
    const server = await openLoopback({ chat: () => ({ text, promptTokens: 2_000, completionTokens: 500 }) })
    const stalls = [1, 2].map(() => server.fail({ type: 'stall', after: 10 }))
    const configuration = presets.balanced({ primaryAiModel: 'gpt-4o' })
    // Far longer than a test may take, as all that is live may.
    const deadlines = { totalMs: 3_600_000, betweenEventsMs: 3_600_000 }
    const box = await openBox({ providers: [...over(server), simulated({ services: ['voice_stt'] })], configuration, deadlines })
    const { accountId, key } = await openAccount(box)
    const workflow = box.workflow({ accountId, name: 'work' })
    const chat = await workflow.streamChat(question)
    async function* silence(): AsyncGenerator<Uint8Array> {
      for (;;) yield new Uint8Array(8_000).fill(0xff)
    }
    const ear = await workflow.listen({ audio: silence(), format })
    const response = await box.routes()(
      new Request('http://127.0.0.1/v1/chat/completions', {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'gpt-4o', stream: true, ...question }),
      }),
    )
    expect(response.status).toBe(200)
    await Promise.all(stalls.map(({ struck }) => struck))
    await box.close({ graceMs: 1 })
    expect(await Promise.all(server.requests.map(({ abandoned }) => abandoned))).toEqual([true, true])
    expect(await chat.settled).toMatchObject({ isComplete: false, creditsUsed: credits(1) })
    expect((await ear.settled).endedBy).toBe('caller')
  })

  it('lets a stream that is read go on to its end', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const stream = await box.workflow({ accountId, name: 'work' }).streamChat(question)
    const closed = box.close()
    for await (const _ of stream.events);
    expect((await stream.settled).isComplete).toBe(true)
    await closed
  })

  it.each([-1, Number.NaN, 2 ** 31])('does not wait for %s milliseconds', async (graceMs) => {
    const box = await openBox()
    await expect(box.close({ graceMs })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  const sound = new Uint8Array(readFileSync(new URL('../../examples/gateway/question.wav', import.meta.url)))

  it.each<[string, (workflow: Workflow) => Promise<unknown>]>([
    ['usage that is being recorded', (workflow) => workflow.record('voice_tts', 'cartesia', 100, 'characters')],
    ['a recording that is being read', (workflow) => workflow.transcribe({ audio: sound })],
    ['a prompt that is being counted', async (workflow) => (await workflow.streamChat(question)).settled],
  ])('charges %s', async (_, work) => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    // Its first use opens it in a write of its own.
    const workflow = box.workflow({ accountId, name: 'work', reserve: credits(50) })
    await Promise.all([work(workflow), box.close({ graceMs: 0 })])
    const { ledger } = openBeside(box)
    expect((await ledger.workflow(accountId, workflow.id)).spent).toBeGreaterThan(0n)
    await ledger.closeWorkflow({ accountId, workflowId: workflow.id })
  })

  it('gives back the reserve of a workflow that is being closed, and its charges if it is being refunded', async () => {
    const box = await openBox()
    const { accountId } = await openAccount(box)
    const { balance } = await box.ledger.balance(accountId)
    const [closed, refunded] = ['closed', 'refunded'].map((name) => box.workflow({ accountId, name, reserve: credits(50) }))
    if (!closed || !refunded) throw new Error('there are two')
    await closed.speak({ text: 'one' })
    for (const text of ['one', 'two', 'three']) await refunded.speak({ text })
    const refund = refunded.refund('it came to nothing').then(() => refunded.end())
    const [{ total_credits_used }] = await Promise.all([closed.close(), refund, box.close()])
    expect(await openBeside(box).ledger.balance(accountId)).toMatchObject({
      balance: balance - credits(total_credits_used),
      held: 0n,
    })
  })

  it('opens no workflow whose reserve nobody would give back', async () => {
    const box = await openBox()
    const { accountId, key } = await openAccount(box)
    // Its use is still to be written, which closing waits for.
    const apiKey = await box.authenticate(key)
    const workflow = box.workflow({ accountId, name: 'work', apiKey, reserve: credits(50) })
    const closing = box.close()
    await expect(workflow.speak({ text: 'hello' })).rejects.toMatchObject({ code: 'LEDGER_CLOSED' })
    await closing
    expect(await openBeside(box).ledger.balance(accountId)).toMatchObject({ held: 0n })
  })
})

it('a Farebox that closes waits until an answer is accounted for whose caller has left', async () => {
  const server = await openLoopback()
  const box = await openBox({ providers: sdks.slice(0, 1).map(({ adapter }) => adapter(server)) })
  const { key } = await openAccount(box)
  const fault = server.fail({ type: 'silence' })
  const caller = new AbortController()
  const answer = box.routes()(
    new Request('http://127.0.0.1/v1/chat/completions', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o-mini', ...question }),
      signal: caller.signal,
    }),
  )
  await fault.struck
  caller.abort()
  await box.close()
  expect((await answer).status).toBeGreaterThanOrEqual(400)
})

describe('a streamed answer whose body is cancelled, by a server that never aborts the request’s signal', () => {
  it.each(['chat/completions', 'agent'])('stops its provider and ends its workflow, at %s', async (route) => {
    const text = Array.from({ length: 40 }, (_, index) => `word${index} `).join('')
    const server = await openLoopback({ chat: () => ({ text, promptTokens: 2_000, completionTokens: 500 }) })
    const stall = server.fail({ type: 'stall', after: 10 })
    const configuration = presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: null })
    const deadlines = { totalMs: 3_600_000, betweenEventsMs: 3_600_000 }
    const box = await openBox({ providers: sdks.slice(0, 1).map(({ adapter }) => adapter(server)), configuration, deadlines })
    const { accountId, key } = await openAccount(box)
    const { agentId } = await box.agents.create({ accountId })
    const path = route === 'agent' ? `/api/v1/agent/${agentId}/chat` : `/v1/${route}`
    const response = await box.routes()(
      new Request(`http://127.0.0.1${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ ...(route !== 'agent' && { model: 'gpt-4o' }), stream: true, ...question }),
      }),
    )
    expect(response.status).toBe(200)
    await stall.struck
    await response.body?.cancel()
    expect(await server.requests[0]?.abandoned).toBe(true)
    const ended = async () => {
      const { workflows } = await box.ledger.workflows({ accountId }, { limit: 10 })
      return workflows.map(({ state, spent, held }) => ({ state, spent, held }))
    }
    await expect.poll(ended, { interval: 5 }).toEqual([{ state: 'closed', spent: credits(1), held: 0n }])
  })
})

describe('a request under an idempotency key, during which its Farebox closes', () => {
  const chat = { model: 'gpt-4o', ...question }
  it.each([
    ['/v1/chat/completions', chat, 200],
    ['/v1/chat/completions', { ...chat, stream: true }, 409],
    ['agent', question, 200],
    ['agent', { ...question, stream: true }, 409],
  ])('has its outcome at the next one: %s %j', async (route, body, status) => {
    const isStreamed = 'stream' in body
    const server = await openLoopback({ chat: () => ({ text: 'one two three four five', promptTokens: 2_000 }) })
    const fault = server.fail(isStreamed ? { type: 'stall', after: 3 } : { type: 'silence' })
    const configuration = presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: null })
    const options = { providers: sdks.slice(0, 1).map(({ adapter }) => adapter(server)), configuration }
    const box = await openBox(options)
    const { accountId, key } = await openAccount(box)
    const { agentId } = await box.agents.create({ accountId })
    // To write it may take a moment, as it does while the database is busy.
    const { ledger } = box
    const saveDocument = ledger.saveDocument.bind(ledger)
    ledger.saveDocument = (input) => pause(20).then(() => saveDocument(input))
    const ask = async (asked: Farebox) => {
      const response = await asked.routes()(
        new Request(`http://127.0.0.1${route === 'agent' ? `/api/v1/agent/${agentId}/chat` : route}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': 'once' },
          body: JSON.stringify(body),
        }),
      )
      return { status: response.status, isReplayed: response.headers.has('idempotency-replayed') }
    }
    // Nobody reads its answer.
    const first = ask(box)
    await fault.struck
    const closed = box.close({ graceMs: 0 })
    if (!isStreamed) fault.release()
    await closed
    const beside = openBeside(box, options)
    const { balance, held } = await beside.ledger.balance(accountId)
    expect(await ask(beside)).toMatchObject({ status, isReplayed: true })
    expect((await first).status).toBe(200)
    expect(await beside.ledger.balance(accountId)).toMatchObject({ balance, held })
    expect(held).toBe(0n)
  })
})

it.each([false, true])(
  'a request whose caller leaves between its hold and its first attempt ends its workflow (streamed: %s)',
  async (stream) => {
    const box = await openBox()
    const { accountId, key } = await openAccount(box)
    const caller = new AbortController()
    const { ledger } = box
    const placeHold = ledger.placeHold.bind(ledger)
    ledger.placeHold = async (input) => {
      const outcome = await placeHold(input)
      caller.abort()
      return outcome
    }
    const request = new Request('http://127.0.0.1/v1/chat/completions', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'auto', stream, ...question }),
      signal: caller.signal,
    })
    expect((await box.routes()(request)).status).toBe(499)
    const ended = async () => {
      const { workflows } = await ledger.workflows({ accountId }, { limit: 10 })
      return workflows.map(({ state, spent, held }) => ({ state, spent, held }))
    }
    await expect.poll(ended, { interval: 5 }).toEqual([{ state: 'closed', spent: 0n, held: 0n }])
  },
)
