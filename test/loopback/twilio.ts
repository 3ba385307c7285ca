import twilio from 'twilio'
import { type Exchange, type Loopback, startLoopback } from './loopback-server.ts'
import {
  billedMinutes,
  callbackForm,
  callResource,
  hasEnded,
  type LineCall,
  type LineScript,
  type LineTerms,
  nextStatus,
  priceOf,
  refusalOf,
  scriptedSeconds,
} from './twilio-call.ts'

export interface TwilioLoopbackOptions extends Partial<LineTerms> {
  authToken?: string
  /** An API key that it accepts beside the token: its SID and its secret. */
  apiKey?: readonly [string, string]
  /** How the call to a number goes. @defaultValue it is answered and lasts 49 seconds */
  script?: (to: string) => LineScript
  /** Whether a look at a call lets it go on by a step; else only `step` does. @defaultValue `true` */
  goesOnByItself?: boolean
  /** In which order callbacks are sent: each as it happens, each twice, or all at the end, the last first. @defaultValue `as_it_happens` */
  callbackOrder?: 'as_it_happens' | 'twice' | 'backwards'
  /** Calls on a page at most, whatever is asked for. @defaultValue 50 */
  pageSizeMax?: number
  /** Whether times in filters are taken for the days that they are in, as they are documented. @defaultValue `true` */
  filtersByDay?: boolean
  /** Epoch milliseconds. @defaultValue the clock of this machine */
  now?: () => number
}

/** A callback that was sent, and what it was answered with; 0 where nobody answered. */
export interface SentCallback {
  url: string
  form: Record<string, string>
  signature: string
  status: number
}

/** Twilio's API, on this machine, and the telephones behind it. */
export interface TwilioLoopback extends Loopback {
  readonly accountSid: string
  readonly authToken: string
  /** All calls, the oldest first. */
  readonly calls: readonly LineCall[]
  readonly callbacks: readonly SentCallback[]
  /** The path that calls are placed at. */
  readonly callsPath: string
  /** Lets a call go on by a step, and waits until its callbacks are answered. */
  step(sid: string): Promise<void>
  /** Lets every call go on to its end. */
  finish(): Promise<void>
  /** Adds a call that was made at another time, by whomever. */
  add(call: Partial<LineCall> & { startedAt?: number }): LineCall
}

/** Starts a loopback on a free port of 127.0.0.1. */
export async function startTwilioLoopback(options: TwilioLoopbackOptions = {}): Promise<TwilioLoopback> {
  const { authToken = 'token-of-the-loopback', pageSizeMax = 50, callbackOrder = 'as_it_happens', now = Date.now } = options
  const accountSid = options.accountSid ?? `AC${'a'.repeat(32)}`
  const terms: LineTerms = { accountSid, rate: 1_400, priceUnit: 'USD', looksBeforePrice: 0, ...options }
  const callsPath = `/2010-04-01/Accounts/${accountSid}/Calls.json`
  const calls: LineCall[] = []
  const callbacks: SentCallback[] = []
  const bills = new Map<LineCall, Exchange['bill']>()
  const heldBack = new Map<LineCall, (() => Promise<void>)[]>()
  const sequence = new Map<LineCall, number>()
  const sending = new Set<Promise<void>>()

  async function serve(exchange: Exchange): Promise<void> {
    const { request, json } = exchange
    if (!isAuthorized(request.headers.authorization)) return fail(exchange, 401, 20003, 'Authenticate')
    const calledNumber = /^\/v2\/Voice\/Numbers\/([^/]+)$/.exec(request.path)?.[1]
    if (calledNumber) return json(200, voicePrice(decodeURIComponent(calledNumber), request.query.get('OriginationNumber')))
    if (request.path === callsPath) return request.method === 'POST' ? create(exchange) : list(exchange)
    const sid = new RegExp(`^/2010-04-01/Accounts/${accountSid}/Calls/(CA[0-9a-f]{32})\\.json$`).exec(request.path)?.[1]
    const call = calls.find((candidate) => candidate.sid === sid)
    if (!call) return fail(exchange, 404, 20404, `The requested resource ${request.path} was not found`)
    if (request.method === 'POST') return update(exchange, call)
    if (options.goesOnByItself ?? true) await step(call, false)
    if (hasEnded(call)) call.looksAtEnd += 1
    json(200, callResource(call, terms))
  }

  function create(exchange: Exchange): void {
    const refusal = refusalOf(exchange.request.body)
    if (refusal) fail(exchange, 400, ...refusal)
    else exchange.json(201, callResource(place(exchange), terms))
  }

  /** Makes a telephone ring. */
  function place(exchange: Exchange): LineCall {
    const { body } = exchange.request
    const call = add({
      to: String(body.To),
      from: String(body.From),
      form: body,
      status: 'queued',
      script: options.script?.(String(body.To)),
    })
    bills.set(call, exchange.bill)
    tell(call, 'initiated')
    return call
  }

  function add(given: Partial<LineCall>): LineCall {
    const sid = `CA${(calls.length + 1).toString(16).padStart(32, '0')}`
    const at = given.startedAt ?? now()
    const call: LineCall = {
      ...{
        sid,
        to: '+15551234567',
        from: '+15557654321',
        direction: 'outbound-api',
        form: {},
        status: 'completed',
        createdAt: at,
      },
      ...{ startedAt: undefined, endedAt: undefined, seconds: 0, looksAtEnd: 0 },
      ...given,
      script: given.script ?? {},
    }
    calls.push(call)
    return call
  }

  async function step(call: LineCall, isAwaited = true): Promise<void> {
    if (hasEnded(call)) return
    await turn(call, nextStatus(call), scriptedSeconds(call), isAwaited)
  }

  async function turn(call: LineCall, status: LineCall['status'], seconds: number, isAwaited: boolean): Promise<void> {
    call.status = status
    if (status !== 'queued') call.startedAt ??= now()
    if (hasEnded(call)) {
      call.seconds = status === 'completed' ? seconds : 0
      call.endedAt = (call.startedAt ?? now()) + call.seconds * 1000
      charge(call)
    }
    const told = tell(call, { ringing: 'ringing', 'in-progress': 'answered' }[status as string] ?? 'completed')
    if (isAwaited) await told
  }

  function charge(call: LineCall): void {
    const minutes = billedMinutes(call)
    if (minutes === 0) return
    const { sid: requestId, to: input, seconds } = call
    bills.get(call)?.({ model: 'outbound', requestId, input, quantities: { seconds, minutes }, cost: priceOf(call, terms) })
  }

  /** Sends a status callback, if this event was asked for. */
  async function tell(call: LineCall, event: string): Promise<void> {
    const url = call.form.StatusCallback
    const events = [call.form.StatusCallbackEvent ?? 'completed'].flat()
    if (typeof url !== 'string' || !events.includes(event)) return
    const number = sequence.get(call) ?? 0
    sequence.set(call, number + 1)
    const form = callbackForm(
      event === 'initiated' ? { ...call, status: 'initiated' as LineCall['status'] } : call,
      accountSid,
      number,
      now(),
    )
    const send = () => post(url, form)
    if (callbackOrder === 'backwards') {
      const held = [send, ...(heldBack.get(call) ?? [])]
      heldBack.set(call, held)
      if (!hasEnded(call)) return
      for (const one of held) await one()
      return
    }
    await send()
    if (callbackOrder === 'twice') await send()
  }

  function post(url: string, form: Record<string, string>): Promise<void> {
    const signature = twilio.getExpectedTwilioSignature(authToken, url, form)
    const sent: SentCallback = { url, form, signature, status: 0 }
    callbacks.push(sent)
    const answered = fetch(url, {
      method: 'POST',
      headers: { 'x-twilio-signature': signature, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
    }).then(
      ({ status }) => {
        sent.status = status
      },
      () => {},
    )
    sending.add(answered)
    return answered
  }

  async function update(exchange: Exchange, call: LineCall): Promise<void> {
    if (hasEnded(call)) return fail(exchange, 400, 21220, 'Call is not in-progress. Cannot redirect.')
    const asked = exchange.request.body.Status
    // Each order ends only the calls that the documentation says it surely does.
    if (asked === 'canceled' && call.status !== 'in-progress') await turn(call, 'canceled', 0, false)
    if (asked === 'completed' && call.status === 'in-progress') await turn(call, 'completed', 5, false)
    exchange.json(200, callResource(call, terms))
  }

  function list({ request: { query }, json }: Exchange): void {
    const pageSize = Math.min(pageSizeMax, Number(query.get('PageSize') ?? 50))
    const page = Number(query.get('Page') ?? 0)
    const found = calls
      .filter((call) => matches(call, query))
      .sort((left, right) => (right.startedAt ?? 0) - (left.startedAt ?? 0))
    const start = page * pageSize
    const uri = (number: number) => {
      const asked = new URLSearchParams(query)
      asked.set('Page', String(number))
      asked.set('PageSize', String(pageSize))
      return `${callsPath}?${asked}`
    }
    const shown = found.slice(start, start + pageSize)
    for (const call of shown) call.looksAtEnd += 1
    json(200, {
      calls: shown.map((call) => callResource(call, terms)),
      first_page_uri: uri(0),
      next_page_uri: start + pageSize < found.length ? uri(page + 1) : null,
      previous_page_uri: page > 0 ? uri(page - 1) : null,
      uri: uri(page),
      page,
      page_size: pageSize,
      start,
      end: start + shown.length - 1,
    })
  }

  function matches(call: LineCall, query: URLSearchParams): boolean {
    const [to, after, before] = ['To', 'StartTime>', 'StartTime<'].map((name) => query.get(name))
    const time = (text: string) => Date.parse((options.filtersByDay ?? true) ? text.slice(0, 10) : text)
    const at = call.startedAt
    if (at === undefined) return after === null && before === null && (to === null || to === call.to)
    return (to === null || to === call.to) && (!after || at >= time(after)) && (!before || at <= time(before))
  }

  function isAuthorized(authorization: string | undefined): boolean {
    const accepted = [[accountSid, authToken], ...(options.apiKey ? [options.apiKey] : [])]
    return accepted.some((pair) => authorization === `Basic ${Buffer.from(pair.join(':')).toString('base64')}`)
  }

  function voicePrice(destination: string, origination: string | null) {
    const price = (terms.rate / 100_000).toFixed(4)
    return {
      country: 'United States',
      iso_country: 'US',
      destination_number: destination,
      origination_number: origination,
      inbound_call_price: { base_price: null, current_price: null, number_type: null },
      outbound_call_prices: [{ base_price: price, current_price: price, origination_prefixes: ['ALL'] }],
      price_unit: terms.priceUnit,
      url: `https://pricing.twilio.com/v2/Voice/Numbers/${destination}`,
    }
  }

  const loopback = await startLoopback({ requestIdHeader: 'twilio-request-id', serve, work: (exchange) => void place(exchange) })
  const finish = async () => {
    for (const call of calls) while (!hasEnded(call)) await step(call)
    await Promise.all(sending)
  }
  return {
    ...loopback,
    accountSid,
    authToken,
    calls,
    callbacks,
    callsPath,
    add,
    finish,
    async step(sid) {
      const call = calls.find((candidate) => candidate.sid === sid)
      if (!call) throw new Error(`there is no call ${sid}`)
      await step(call)
    },
    async close() {
      await loopback.close()
      await Promise.all(sending)
    },
  }
}

/** An error as Twilio words it. It repeats what it was asked. */
export function twilioErrorBody(status: number, code: number, message: string) {
  return { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status }
}

function fail({ json }: Exchange, status: number, code: number, message: string): void {
  json(status, twilioErrorBody(status, code, message))
}
