/** Where a call is, in Twilio's words. */
export type LineStatus = 'queued' | 'ringing' | 'in-progress' | 'completed' | 'busy' | 'no-answer' | 'failed' | 'canceled'

/** How a call will go. */
export interface LineScript {
  /** @defaultValue `completed` */
  end?: 'completed' | 'busy' | 'no-answer' | 'failed'
  /** Seconds that it will be connected, unless its limit ends it before. @defaultValue 49 */
  seconds?: number
  /** Whether Twilio forgets to say how long it was. */
  isSilent?: boolean
}

/** A call of the loopback. */
export interface LineCall {
  readonly sid: string
  readonly to: string
  readonly from: string
  readonly direction: 'outbound-api' | 'outbound-dial' | 'inbound' | 'trunking-originating'
  readonly script: LineScript
  /** What it was placed with. */
  readonly form: Readonly<Record<string, unknown>>
  status: LineStatus
  /** Epoch milliseconds. */
  createdAt: number
  startedAt: number | undefined
  endedAt: number | undefined
  /** Seconds that it was connected. */
  seconds: number
  /** How often it was looked at since it ended. */
  looksAtEnd: number
}

export interface LineTerms {
  accountSid: string
  /** In hundred-thousandths of the currency, for each minute that was begun. */
  rate: number
  priceUnit: string
  /** How often a call is looked at after its end before its price is there. */
  looksBeforePrice: number
}

/** Twilio's code and words for a call that it will not place. They repeat what it was asked. */
export function refusalOf({ To: to, From: from, Url: url, Twiml: twiml }: Record<string, unknown>): [number, string] | undefined {
  const isNumber = (value: unknown) => /^\+[1-9]\d{3,14}$/.test(String(value))
  if (!to) return [21201, "No 'To' number is specified"]
  if (!isNumber(to)) return [21211, `The phone number you are attempting to call, ${to}, is not valid.`]
  if (!isNumber(from)) return [21212, `The source phone number provided, ${from}, is not valid.`]
  return url || twiml ? undefined : [21205, 'Url parameter is required.']
}

/** Whether a call is over. */
export function hasEnded({ status }: Pick<LineCall, 'status'>): boolean {
  return !['queued', 'ringing', 'in-progress'].includes(status)
}

/** The next status of a call by its script. */
export function nextStatus({ status, script: { end = 'completed' } }: LineCall): LineStatus {
  switch (status) {
    case 'queued':
      return end === 'failed' ? 'failed' : 'ringing'
    case 'ringing':
      return end === 'completed' ? 'in-progress' : end
    case 'in-progress':
      return 'completed'
    default:
      return status
  }
}

/** Seconds of a call by its script and its limit, which without one is four hours. */
export function scriptedSeconds({ script, form }: LineCall): number {
  return Math.min(script.seconds ?? 49, Number(form.TimeLimit ?? 14_400))
}

/** Minutes that a call is billed for: those that were begun; none if it was never connected. */
export function billedMinutes({ status, seconds }: LineCall): number {
  return status === 'completed' ? Math.max(1, Math.ceil(seconds / 60)) : 0
}

/** What a call costs, as a decimal with five digits. */
export function priceOf(call: LineCall, { rate }: LineTerms): string {
  return ((billedMinutes(call) * rate) / 100_000).toFixed(5)
}

/** The call resource, as the API sends it. */
export function callResource(call: LineCall, terms: LineTerms) {
  const { accountSid, looksBeforePrice, priceUnit } = terms
  const path = `/2010-04-01/Accounts/${accountSid}/Calls/${call.sid}`
  const isConnected = call.status === 'completed'
  return {
    sid: call.sid,
    date_created: rfc2822(call.createdAt),
    date_updated: rfc2822(call.endedAt ?? call.startedAt ?? call.createdAt),
    parent_call_sid: null,
    account_sid: accountSid,
    to: call.to,
    to_formatted: call.to,
    from: call.from,
    from_formatted: call.from,
    phone_number_sid: `PN${'d'.repeat(32)}`,
    status: call.status,
    start_time: rfc2822(call.startedAt),
    end_time: rfc2822(call.endedAt),
    duration: isConnected && !call.script.isSilent ? String(call.seconds) : null,
    price: isConnected && call.looksAtEnd > looksBeforePrice ? `-${priceOf(call, terms)}` : null,
    price_unit: priceUnit,
    direction: call.direction,
    answered_by: null,
    api_version: '2010-04-01',
    forwarded_from: null,
    group_sid: null,
    caller_name: null,
    queue_time: '0',
    trunk_sid: null,
    uri: `${path}.json`,
    subresource_uris: { events: `${path}/Events.json`, recordings: `${path}/Recordings.json` },
  }
}

/** The fields of a status callback. */
export function callbackForm(call: LineCall, accountSid: string, sequenceNumber: number, at: number): Record<string, string> {
  const form = {
    CallSid: call.sid,
    AccountSid: accountSid,
    From: call.from,
    To: call.to,
    Called: call.to,
    Caller: call.from,
    CallStatus: call.status,
    Direction: call.direction,
    ApiVersion: '2010-04-01',
    Timestamp: rfc2822(at) ?? '',
    CallbackSource: 'call-progress-events',
    SequenceNumber: String(sequenceNumber),
  }
  if (!hasEnded(call)) return form
  const sipResponseCode = { busy: '486', 'no-answer': '487', canceled: '487', failed: '404' }[call.status as string] ?? '200'
  const atEnd = { ...form, SipResponseCode: sipResponseCode }
  return call.script.isSilent ? atEnd : { ...atEnd, CallDuration: String(call.seconds), Duration: String(billedMinutes(call)) }
}

function rfc2822(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toUTCString().replace('GMT', '+0000')
}
