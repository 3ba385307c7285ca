/** The wire name of a service: one that Farebox knows, or a team's own. */
export type ServiceType = 'phone' | 'gpt' | 'voice_stt' | 'voice_tts' | 'vision' | 'realtime' | 'embedding' | (string & {})

/** A unit that quantities are counted in. */
export type UnitType = 'tokens' | 'minutes' | 'seconds' | 'characters' | 'images' | 'requests' | 'bytes'

/** An amount of credits in a request: a whole number, or a decimal string with at most six decimals. */
export type CreditAmount = number | string

/** A range of time, in RFC 3339; `to` is exclusive. */
export interface TimeRange {
  from?: string
  to?: string
}

/** An RFC 9457 problem, the body of every error of the API. */
export interface Problem {
  type: string
  title: string
  status: number
  /** A stable code, such as `INSUFFICIENT_CREDITS`. */
  code: string
  detail: string
  /** For 422: the fields that were wrong, and what each must be. */
  errors?: { field: string; problem: string }[]
  /** For 402: the credits that were needed, as a decimal string. */
  needed?: string
  /** For 402: the credits that were available, as a decimal string. */
  available?: string
  /** For 402: the limit of one request, as a decimal string. For 429: the limit that was reached. */
  limit?: string | number
  /** For 429: the name of that limit, such as `requests_per_minute_per_key`. */
  limit_name?: string
  /** For `REQUEST_TOO_LONG`: the unit that measures the request. */
  unit?: 'tokens' | 'characters'
  /** For `REQUEST_TOO_LONG`: the predicted length of the request. For a chat, it includes the answer. */
  length?: number
  /** For `REQUEST_TOO_LONG`: the greatest length accepted. */
  most?: number
  /** For `REQUEST_REJECTED`: the last provider's reason, `invalid_request`, `content_policy`, `context_too_long` or `unsupported`. */
  kind?: string
  /** For `REQUEST_REJECTED`: the parameter that the last provider found wrong, as it names it. */
  parameter?: string
  /** For `REFUND_EXCEEDS_CHARGE`: the credits that are left to give back, as a decimal string. */
  refundable?: string
  /** For 402: the budget that was too small. */
  budget_id?: string
  /** When that budget resets. */
  resets_at?: string
  /** For 409: the fields in which this request differs from the first one under its idempotency key. */
  differs?: string[]
  /** Seconds to wait before trying again. */
  retry_after?: number
  [fact: string]: unknown
}
