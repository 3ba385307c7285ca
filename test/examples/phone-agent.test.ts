import { once } from 'node:events'
import { connect } from 'node:net'
import { type Credits, formatQuantity, type Quantity } from '@farebox/core'
import { LedgerUnavailableError } from '@farebox/ledger'
import { cartesia } from '@farebox/providers/cartesia'
import { deepgram } from '@farebox/providers/deepgram'
import { openai } from '@farebox/providers/openai'
import { twilio } from '@farebox/providers/twilio'
import { credits, type Farebox, presets, type Receipt } from 'farebox'
import sdk from 'twilio'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { WebSocket } from 'ws'
import { startAgent } from '../../examples/phone-agent/src/agent-server.ts'
import { Handset } from '../../examples/phone-agent/src/handset.ts'
import { openAccount, openBox, type StoreName, storeNames } from '../farebox/open-box.ts'
import { type CartesiaLoopback, startCartesiaLoopback } from '../loopback/cartesia.ts'
import { type DeepgramLoopback, startDeepgramLoopback } from '../loopback/deepgram.ts'
import { type OpenaiLoopback, startOpenaiLoopback } from '../loopback/openai.ts'
import { startTwilioLoopback, type TwilioLoopback } from '../loopback/twilio.ts'

// The phone agent of the examples, over the real SDKs, real sockets and the providers' own protocols. Its telephone is the example's handset.

const site = 'https://agent.test'
const numbers = { From: '+15551234567', To: '+15557654321' }
const ANSWER = 'We open at nine in the morning. On Sundays we are closed. Is there anything else?'

interface Providers {
  openai: OpenaiLoopback
  deepgram: DeepgramLoopback
  cartesia: CartesiaLoopback
  twilio: TwilioLoopback
}

let providers: Providers
beforeEach(async () => {
  const [openai, deepgram, cartesia, twilio] = await Promise.all([
    startOpenaiLoopback({ chat: () => ({ text: ANSWER }) }),
    startDeepgramLoopback({
      live: [
        { atSeconds: 3, text: 'When do you open?' },
        { atSeconds: 20, text: 'And on Sundays?' },
      ],
    }),
    // A tenth of a second for each character.
    startCartesiaLoopback({ speak: (text) => [new Uint8Array(text.length * 400), new Uint8Array(text.length * 400)] }),
    startTwilioLoopback({ goesOnByItself: false }),
  ])
  providers = { openai, deepgram, cartesia, twilio }
})
afterEach(async () => {
  await Promise.all(Object.values(providers).map((loopback) => loopback.close()))
})

/** An agent whose callers are all paid by one account. */
async function open(
  balance: Credits,
  {
    on = 'SQLite',
    statusWaitMs = 500,
    connectWaitMs,
  }: { on?: StoreName; statusWaitMs?: number | undefined; connectWaitMs?: number } = {},
) {
  const { accountSid, authToken, url: baseUrl } = providers.twilio
  const phone = twilio({ accountSid, authToken, baseUrl, pollMs: 5 })
  const box = await openBox({
    on,
    providers: [
      phone,
      openai({ apiKey: providers.openai.apiKey, baseURL: providers.openai.url }),
      deepgram({ apiKey: providers.deepgram.apiKey, baseUrl: providers.deepgram.url }),
      cartesia({ apiKey: providers.cartesia.apiKey, baseURL: providers.cartesia.url }),
    ],
    configuration: presets.balanced({ ttsProvider: 'cartesia', sttProvider: 'deepgram' }),
  })
  const { accountId } = await openAccount(box, { balance })
  const lines: string[] = []
  const receipts: Receipt[] = []
  const agent = await startAgent({
    box,
    twilio: phone,
    site,
    accountOf: async (to) => (to === numbers.To ? accountId : undefined),
    print: (line) => lines.push(line),
    onEnded: (receipt) => receipts.push(receipt),
    statusWaitMs,
    connectWaitMs,
  })
  onTestFinished(() => agent.close())
  const address = `http://127.0.0.1:${agent.port}`
  return { box, phone, accountId, agent, address, lines, receipts, money: () => box.ledger.balance(accountId) }
}

type Open = Awaited<ReturnType<typeof open>>

/** What Twilio posts, signed. */
async function post({ address }: Open, path: string, form: Record<string, string>, token = providers.twilio.authToken) {
  const signature = sdk.getExpectedTwilioSignature(token, site + path, form)
  const headers = { 'x-twilio-signature': signature }
  const answer = await fetch(address + path, { method: 'POST', headers, body: new URLSearchParams(form) })
  return { status: answer.status, text: await answer.text() }
}

/** A call that comes in, with the telephone that makes it; Twilio hangs up where its API is told to. */
async function ring(opened: Open) {
  const line = providers.twilio.add({ to: numbers.To, from: numbers.From, direction: 'inbound', status: 'in-progress' })
  const form = { ...numbers, CallSid: line.sid }
  const { text } = await post(opened, '/voice', { ...form, CallStatus: 'ringing' })
  const url = /url="(wss:[^"]+)"/.exec(text)?.[1] ?? ''
  const signature = sdk.getExpectedTwilioSignature(providers.twilio.authToken, url, {})
  const handset = new Handset(line.sid, `${opened.address.replace('http', 'ws')}/media`, signature)
  const watching = setInterval(() => line.status === 'completed' && handset.hangUp(), 2)
  onTestFinished(() => clearInterval(watching))
  await handset.pickUp()
  const tellEnd = () =>
    post(opened, '/status', { ...form, CallStatus: 'completed', CallDuration: String(handset.seconds), Duration: '1' })
  return { line, handset, form, tellEnd }
}

/** A stream of a call, of which the test itself says what comes. */
async function openStream({ address }: Open, callSid: string) {
  const signature = sdk.getExpectedTwilioSignature(providers.twilio.authToken, 'wss://agent.test/media', {})
  const socket = new WebSocket(`${address.replace('http', 'ws')}/media`, { headers: { 'x-twilio-signature': signature } })
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  const send = (message: object) => socket.send(JSON.stringify({ streamSid: 'MZ1', ...message }))
  send({ event: 'start', start: { callSid } })
  return { socket, send }
}

/** What a receipt says of a service, in its units. */
function consumed({ services_used }: Receipt, service: string): number {
  return services_used.filter(({ service_type }) => service_type === service).reduce((sum, one) => sum + one.units_consumed, 0)
}

/** What the loopbacks would bill. */
function billed(meter: (line: Readonly<Record<string, number>>) => number, { invoice }: Pick<OpenaiLoopback, 'invoice'>): number {
  return invoice.reduce((sum, { quantities }) => sum + meter(quantities), 0)
}

async function settled({ box, accountId, receipts }: { box: Farebox; accountId: string; receipts: Receipt[] }, count = 1) {
  await expect.poll(() => receipts.length).toBe(count)
  expect((await box.ledger.balance(accountId)).held).toBe(0n)
  return receipts.at(-1) as Receipt
}

describe.each(storeNames)('a call on %s', (on) => {
  it('goes on until the credits are gone, with a warning and a goodbye, and its receipt is what the providers bill', async () => {
    const opened = await open(credits(60), { on })
    const { handset, line, tellEnd } = await ring(opened)
    await handset.listen()
    await handset.speak(3)
    await handset.listen()
    await handset.holdOn()
    await tellEnd()
    const receipt = await settled(opened)

    expect(opened.lines.map((text) => text.replace(/ \(\d+ credits\)/, ''))).toEqual([
      'agent: Hello! How can I help you?',
      'caller: When do you open?',
      'agent: We open at nine in the morning.',
      'agent: On Sundays we are closed.',
      'agent: Is there anything else?',
      ...['caller: And on Sundays?', ...(ANSWER.match(/[^.?]+[.?]/g)?.map((text) => `agent: ${text.trim()}`) ?? [])],
      'agent: By the way, about one minute of credit is left.',
      '(the credits are gone)',
      'agent: Your credit is used up now. Goodbye!',
    ])
    // Hung up through Twilio's API, which was told how the call is.
    expect(line.status).toBe('completed')
    expect(consumed(receipt, 'phone')).toBe(handset.seconds)
    expect(consumed(receipt, 'voice_stt')).toBeCloseTo(
      billed(({ seconds = 0 }) => seconds, providers.deepgram),
      5,
    )
    expect(consumed(receipt, 'voice_tts')).toBe(billed(({ characters = 0 }) => characters, providers.cartesia))
    expect(consumed(receipt, 'gpt')).toBe(
      billed(({ prompt_tokens = 0, completion_tokens = 0 }) => prompt_tokens + completion_tokens, providers.openai),
    )
    const { balance } = await opened.money()
    expect(balance).toBe(credits(60) - credits(receipt.total_credits_used))
    expect(balance).toBeLessThan(credits(10))
    const records = await opened.box.ledger.usageOf(opened.accountId, receipt.workflow_id)
    expect(records.filter(({ service, certainty }) => service === 'voice_stt' && certainty === 'exact')).toHaveLength(1)
    const phone = records.filter(({ service }) => service === 'phone')
    expect(phone.length).toBeGreaterThan(1)
    expect(formatQuantity(phone.reduce((sum, { quantity }) => sum + quantity, 0n) as Quantity)).toBe(String(handset.seconds))
  })
})

describe('a call', () => {
  it('is interrupted by its caller: the model is stopped, and what it had written is charged', async () => {
    const opened = await open(credits(500))
    providers.openai.fail({ type: 'stall', after: 14 }, { path: '/chat/completions' })
    const { handset, tellEnd } = await ring(opened)
    await handset.listen()
    await handset.speak(3)
    await expect.poll(() => opened.lines).toContain('agent: We open at nine in the morning.')
    await handset.speak(15)
    await expect.poll(() => opened.lines).toContainEqual(expect.stringMatching(/^caller: And on Sundays/))
    await handset.listen()
    handset.hangUp()
    await tellEnd()
    const receipt = await settled(opened)
    expect(opened.lines).toContain('(the caller interrupts)')
    const chats = providers.openai.requests.filter(({ path }) => path === '/chat/completions')
    expect(await chats[0]?.abandoned).toBe(true)
    const records = await opened.box.ledger.usageOf(opened.accountId, receipt.workflow_id)
    const [first, second] = records.filter(({ service }) => service === 'gpt')
    expect([first?.certainty, second?.certainty]).toEqual(['floor', 'exact'])
    expect(Number(first?.quantity)).toBeGreaterThan(0)
  })

  it('goes on with another transcriber when one breaks off', async () => {
    const opened = await open(credits(500))
    providers.deepgram.fail({ type: 'close', after: 0, code: 1011 }, { path: '/v1/listen' })
    const { handset, tellEnd } = await ring(opened)
    await handset.listen()
    await handset.speak(3)
    // Nobody is heard now. Those who hear nothing say it again.
    await handset.speak(4)
    await handset.listen()
    handset.hangUp()
    await tellEnd()
    const receipt = await settled(opened)
    expect(opened.lines).toContainEqual(expect.stringMatching(/^caller: When do you open/))
    expect(opened.lines).toContain('agent: On Sundays we are closed.')
    expect(providers.deepgram.invoice.map(({ outcome }) => outcome)).toEqual(['broken', 'served'])
    expect(consumed(receipt, 'phone')).toBe(handset.seconds)
  })

  it('answers what it hears though its database is away when the balance is to be printed', async () => {
    const opened = await open(credits(500))
    const { handset, tellEnd } = await ring(opened)
    await handset.listen()
    const balance = vi.spyOn(opened.box.ledger, 'balance').mockRejectedValue(new Error('away'))
    await handset.speak(6)
    await expect.poll(() => opened.lines).toContainEqual(expect.stringMatching(/^caller: When do you open/))
    await handset.listen()
    balance.mockRestore()
    handset.hangUp()
    await tellEnd()
    await settled(opened)
    expect(opened.lines).toContain('agent: We open at nine in the morning.')
    expect(providers.deepgram.invoice.map(({ outcome }) => outcome)).toEqual(['served'])
  })

  it('is heard on when its database has been away for some seconds just as another transcriber was needed', async () => {
    const opened = await open(credits(500))
    const place = opened.box.ledger.placeHold.bind(opened.box.ledger)
    let refused = 0
    providers.deepgram.fail({ type: 'close', after: 0, code: 1011 }, { path: '/v1/listen' })
    const { handset, tellEnd } = await ring(opened)
    await handset.listen()
    vi.spyOn(opened.box.ledger, 'placeHold').mockImplementation(async (input, call) => {
      if (input.service !== 'voice_stt' || refused === 3) return place(input, call)
      refused += 1
      throw new LedgerUnavailableError('away')
    })
    await handset.speak(7)
    await handset.listen()
    handset.hangUp()
    await tellEnd()
    await settled(opened)
    expect(refused).toBe(3)
    expect(opened.lines).toContainEqual(expect.stringMatching(/^caller: When do you open/))
    expect(opened.lines).not.toContain('(nobody can hear the caller)')
  })

  it('apologizes when no model answers, and is heard on', async () => {
    const opened = await open(credits(500))
    providers.openai.fail({ type: 'status', status: 400, body: { error: { message: 'no' } } }, { path: '/chat/completions' })
    const { handset, tellEnd } = await ring(opened)
    await handset.listen()
    await handset.speak(3)
    await handset.listen()
    await handset.speak(15)
    await handset.listen()
    handset.hangUp()
    await tellEnd()
    await settled(opened)
    expect(opened.lines).toContainEqual(expect.stringMatching(/^agent: Sorry, I cannot answer that just now/))
    expect(opened.lines).toContain('agent: Is there anything else?')
  })

  it.each([
    ['its caller hangs up in the middle of a word', hangUp, 'exact'],
    ['its connection breaks', async ({ handset }: Ringing) => handset.drop(), 'derived'],
    ['Twilio tells of its end alone', async ({ tellEnd }: Ringing) => tellEnd(), 'exact'],
    ['its server is told to stop', async (_: Ringing, { agent }: Open) => agent.close(), 'derived'],
  ] as const)('is settled when %s', async (_, end, certainty) => {
    // What Twilio will tell is waited for, however busy the machine is.
    const opened = await open(credits(500), { statusWaitMs: certainty === 'exact' ? 30_000 : undefined })
    const ringing = await ring(opened)
    await ringing.handset.listen()
    await ringing.handset.speak(5.5)
    await end(ringing, opened)
    const receipt = await settled(opened)
    const records = await opened.box.ledger.usageOf(opened.accountId, receipt.workflow_id)
    const [phone] = records.filter(({ service }) => service === 'phone')
    expect(phone?.certainty).toBe(certainty)
    expect(Math.ceil(Number(phone?.quantity) / 1e6)).toBe(ringing.handset.seconds)
    expect(consumed(receipt, 'voice_stt')).toBeGreaterThan(5)
  })

  // The goodbye was waited for without an end, on a call that nobody paid for and nobody hung up.
  it('is hung up when the credits are gone, though its telephone never says that it has heard the goodbye', async () => {
    const opened = await open(credits(30))
    const line = providers.twilio.add({ to: numbers.To, from: numbers.From, direction: 'inbound', status: 'in-progress' })
    await post(opened, '/voice', { ...numbers, CallSid: line.sid, CallStatus: 'ringing' })
    const { send } = await openStream(opened, line.sid)
    for (let second = 0; second < 200; second += 1) {
      send({ event: 'media', media: { timestamp: String(second * 1_000), payload: Buffer.alloc(160, 0xff).toString('base64') } })
    }
    await settled(opened)
    expect(line.status).toBe('completed')
    expect(opened.lines.at(-1)).toBe('agent: Your credit is used up now. Goodbye!')
  })

  it('is settled where its connection is lost and nobody says so', async () => {
    const opened = await open(credits(500), { connectWaitMs: 1_000 })
    const { handset } = await ring(opened)
    await handset.speak(1)
    const receipt = await settled(opened)
    expect(consumed(receipt, 'phone')).toBe(handset.seconds)
  })

  it('lets go of its stream when it is over, though its telephone does not', async () => {
    const opened = await open(credits(500))
    const { handset, tellEnd } = await ring(opened)
    await handset.listen()
    await tellEnd()
    await settled(opened)
    await expect.poll(() => handset.hasEnded).toBe(true)
  })

  it('has one stream: another that claims to be of the same call is closed, and the call goes on', async () => {
    const opened = await open(credits(500))
    const { handset, tellEnd } = await ring(opened)
    await handset.listen()
    const other = await openStream(opened, handset.callId)
    await once(other.socket, 'close')
    await handset.speak(3)
    await handset.listen()
    handset.hangUp()
    await tellEnd()
    const receipt = await settled(opened)
    expect(opened.lines.filter((text) => text.startsWith('agent: Hello'))).toHaveLength(1)
    expect(opened.lines).toContainEqual(expect.stringMatching(/^caller: When do you open/))
    expect(consumed(receipt, 'phone')).toBe(handset.seconds)
  })

  it('shares an account with another, and both end when it is empty', async () => {
    const opened = await open(credits(90))
    const calls = await Promise.all([ring(opened), ring(opened)])
    await Promise.all(
      calls.map(async ({ handset, tellEnd }) => {
        await handset.listen()
        await handset.holdOn()
        await tellEnd()
      }),
    )
    await settled(opened, 2)
    expect(opened.lines.filter((line) => line === '(the credits are gone)')).toHaveLength(2)
    const total = opened.receipts.reduce((sum, receipt) => sum + receipt.total_credits_used, 0)
    expect((await opened.money()).balance).toBe(credits(90 - total))
  })

  it('shares a budget with another, and both end when it is used up', async () => {
    const opened = await open(credits(500))
    await opened.box.ledger.setBudget({ accountId: opened.accountId, period: 'day', limit: credits(90) })
    const calls = await Promise.all([ring(opened), ring(opened)])
    await Promise.all(
      calls.map(async ({ handset, tellEnd }) => {
        await handset.listen()
        await handset.speak(3)
        await handset.holdOn()
        await tellEnd()
      }),
    )
    await settled(opened, 2)
    expect(opened.lines.filter((line) => /^\(/.test(line))).toEqual(['(the credits are gone)', '(the credits are gone)'])
    const total = opened.receipts.reduce((sum, receipt) => sum + receipt.total_credits_used, 0)
    expect((await opened.money()).balance).toBe(credits(500 - total))
    expect(total).toBeLessThanOrEqual(90)
  })

  it('ends where a budget for what it says is used up, instead of going on in silence', async () => {
    const opened = await open(credits(500))
    await opened.box.ledger.setBudget({ accountId: opened.accountId, service: 'gpt', period: 'day', limit: credits(0) })
    const { handset, tellEnd } = await ring(opened)
    await handset.listen()
    await handset.speak(4)
    await handset.holdOn()
    await tellEnd()
    const receipt = await settled(opened)
    expect(opened.lines).toContain('(the credits are gone)')
    expect(handset.seconds).toBeLessThan(30)
    expect((await opened.money()).balance).toBe(credits(500 - receipt.total_credits_used))
  })
})

async function hangUp({ handset, tellEnd }: Ringing): Promise<void> {
  handset.hangUp()
  await tellEnd()
}

type Ringing = Awaited<ReturnType<typeof ring>>

describe('the agent', () => {
  it('takes no call that nobody can pay for', async () => {
    const opened = await open(credits(2))
    const form = { ...numbers, CallSid: 'CA1', CallStatus: 'ringing' }
    expect((await post(opened, '/voice', form)).text).toContain('<Say>There is no credit')
    expect((await post(opened, '/voice', { ...form, CallSid: 'CA2', To: '+15550000000' })).text).toContain(
      '<Say>There is no credit',
    )
    expect(await opened.money()).toMatchObject({ balance: credits(2), held: 0n })
  })

  it('takes none that a budget leaves too little for, or whose account is frozen', async () => {
    const opened = await open(credits(100))
    const { accountId, box } = opened
    const form = { ...numbers, CallSid: 'CA1', CallStatus: 'ringing' }
    await box.ledger.setBudget({ accountId, period: 'day', limit: credits(1) })
    expect(await post(opened, '/voice', form)).toMatchObject({
      status: 200,
      text: expect.stringContaining('<Say>There is no credit'),
    })
    await box.ledger.setBudget({ accountId, period: 'day', limit: credits(100) })
    await box.ledger.freezeAccount({ accountId, isFrozen: true })
    expect(await post(opened, '/voice', form)).toMatchObject({
      status: 200,
      text: expect.stringContaining('<Say>There is no credit'),
    })
  })

  it('believes nobody but Twilio', async () => {
    const opened = await open(credits(100))
    const form = { ...numbers, CallSid: 'CA1', CallStatus: 'ringing' }
    expect((await post(opened, '/voice', form, 'another token')).status).toBe(403)
    expect((await post(opened, '/status', { ...form, CallStatus: 'completed' }, 'another token')).status).toBe(403)
    const handset = new Handset('CA1', `${opened.address.replace('http', 'ws')}/media`, 'no signature')
    await expect(handset.pickUp()).rejects.toThrow('403')
    expect((await opened.money()).held).toBe(0n)
  })

  // Such a connection stayed for good, and the process did not end after a signal.
  it('lets go of a stranger who keeps the connection open', async () => {
    const { agent } = await open(credits(100))
    const stranger = connect({ port: agent.port, host: '127.0.0.1', allowHalfOpen: true })
    onTestFinished(() => void stranger.destroy())
    stranger.write(
      'GET /media HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    expect(String(await once(stranger, 'data'))).toMatch(/^HTTP\/1\.1 403/)
    // What is sent to a connection that is gone is answered with a reset.
    const sending = setInterval(() => stranger.write('x'), 20)
    onTestFinished(() => clearInterval(sending))
    await expect(once(stranger, 'close')).rejects.toThrow(/ECONNRESET|EPIPE/)
  })

  it('begins a call once, however often it is asked, and gives it up when its stream does not come', async () => {
    const opened = await open(credits(100), { connectWaitMs: 300 })
    const form = { ...numbers, CallSid: 'CA1', CallStatus: 'ringing' }
    const answers = await Promise.all([post(opened, '/voice', form), post(opened, '/voice', form)])
    expect(answers.map(({ text }) => text.includes('<Stream'))).toEqual([true, true])
    const receipt = await settled(opened)
    expect(receipt.total_credits_used).toBe(0)
  })

  it('ends and settles every call when it stops, also where another cannot begin any more', async () => {
    const opened = await open(credits(100))
    await ring(opened)
    const began = Promise.withResolvers<void>()
    const beginning = Promise.withResolvers<never>()
    vi.spyOn(opened.box, 'workflow').mockImplementation((() => ({
      meter() {
        began.resolve()
        return beginning.promise
      },
    })) as never)
    const refused = post(opened, '/voice', { ...numbers, CallSid: 'CA2', CallStatus: 'ringing' })
    await began.promise
    const closing = opened.agent.close()
    beginning.reject(new Error('the database is away'))
    await closing
    expect((await refused).status).toBe(500)
    await settled(opened)
  })

  it('takes no call while it stops: nobody would end it', async () => {
    const opened = await open(credits(100))
    await ring(opened)
    const { phone } = opened
    const arrived = Promise.withResolvers<void>()
    const checking = Promise.withResolvers<void>()
    const webhook = phone.webhook.bind(phone)
    vi.spyOn(phone, 'webhook').mockImplementationOnce(async (request) => {
      arrived.resolve()
      await checking.promise
      return webhook(request)
    })
    const late = post(opened, '/voice', { ...numbers, CallSid: 'CA2', CallStatus: 'ringing' })
    await arrived.promise
    // The server stops once the call that it has is over.
    vi.spyOn(phone, 'endCall').mockImplementationOnce(async () => void (await late))
    const closing = opened.agent.close()
    checking.resolve()
    expect((await late).status).toBe(503)
    await closing
    await settled(opened)
  })

  it('ends and settles a call whose length could not be charged at first', async () => {
    const opened = await open(credits(100))
    const { handset, tellEnd } = await ring(opened)
    await handset.speak(2)
    const settle = opened.box.ledger.settleHold.bind(opened.box.ledger)
    let isAway = true
    vi.spyOn(opened.box.ledger, 'settleHold').mockImplementation(async (input, call) => {
      if (!isAway || input.provider !== 'twilio') return settle(input, call)
      isAway = false
      throw new Error('away')
    })
    await tellEnd()
    const { services_used } = await settled(opened)
    expect(opened.lines).toContain('(could not charge the call: away)')
    expect(services_used.find(({ service_type }) => service_type === 'phone')?.units_consumed).toBe(2)
  })

  it.each([
    ['an empty length', { CallStatus: 'completed', CallDuration: '' }, 1],
    ['no length that is one', { CallStatus: 'completed', CallDuration: 'long' }, 1],
    ['a length that no call has', { CallStatus: 'completed', CallDuration: '9'.repeat(20) }, 1],
    ['a length of years', { CallStatus: 'completed', CallDuration: '40000000' }, 1],
    ['nothing about its end', { CallStatus: '', CallDuration: '1' }, 0],
  ])('goes by the sound of a call of which a callback tells %s', async (_, told, ended) => {
    const opened = await open(credits(100))
    const { handset, form } = await ring(opened)
    await handset.speak(2)
    expect((await post(opened, '/status', { ...form, ...told })).status).toBe(204)
    if (ended > 0) {
      const { services_used } = await settled(opened)
      expect(services_used.find(({ service_type }) => service_type === 'phone')?.units_consumed).toBe(2)
    } else expect(opened.lines).not.toContain('(the caller has hung up)')
  })

  it('has no stream for a call that it does not know', async () => {
    const opened = await open(credits(100))
    const signature = sdk.getExpectedTwilioSignature(providers.twilio.authToken, 'wss://agent.test/media', {})
    const handset = new Handset('CA9', `${opened.address.replace('http', 'ws')}/media`, signature)
    await handset.pickUp()
    await expect.poll(() => handset.hasEnded).toBe(true)
  })
})
