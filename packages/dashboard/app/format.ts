import { locale } from './locale.ts'

// `negative`: what rounds to zero has no sign.
const signDisplay = 'negative'
const whole = new Intl.NumberFormat(locale, { signDisplay, maximumFractionDigits: 0 })
const short = new Intl.NumberFormat(locale, { signDisplay, notation: 'compact', maximumFractionDigits: 1 })
const exact = new Intl.NumberFormat(locale, { signDisplay, maximumFractionDigits: 6 })
const rough = new Intl.NumberFormat(locale, { signDisplay, maximumSignificantDigits: 3 })
const percents = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 })
// Never `yesterday` or `last month`: these are calendar words, and `ago` measures elapsed time.
const relative = new Intl.RelativeTimeFormat(locale, { style: 'short' })
// Instants show the time zone, because they are in the reader's and charts are in UTC.
const instants = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'long' })
const utcInstants = new Intl.DateTimeFormat(locale, {
  timeZone: 'UTC',
  month: 'short',
  day: 'numeric',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
})
const days = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' })

/** With the typographic minus, which is as wide as a digit and no place to break a line. Not every locale of `Intl` has it. */
const withMinus = (text: string): string => text.replace('-', '−')
/** `12,345`. */
export const credits = (amount: number): string => withMinus(whole.format(amount))
/** A charge in whole credits, a fraction rounded up, as the API does. Sums of fractions have a remainder of floats, which is none. */
export const charged = (amount: number): number => Math.ceil(Number(amount.toFixed(6))) + 0
/** An amount in exact credits, for sums and shares: the API gives the exact decimal only where the whole credits were rounded. */
export const exactCredits = (whole: number, exactDecimal: string | undefined): number => Number(exactDecimal ?? whole)
/** Formats an amount of units: whole from 100 on, and three digits of a smaller one, so that half a minute is not `0`. */
export const units = (amount: number): string => withMinus((Math.abs(amount) < 100 ? rough : whole).format(amount))
/** `12.3K`, for axes. */
export const shortCredits = (amount: number): string => withMinus(short.format(amount))
/** Formats a number or a decimal string with all its decimals: `0.015`. */
export const exactly = (amount: number | string): string =>
  withMinus(
    typeof amount === 'number'
      ? exact.format(amount)
      : /^-?\d{1,15}(\.\d{1,6})?$/.test(amount)
        ? // As a text, because a number would not hold the last digits of a large one.
          exact.format(amount as `${number}`)
        : amount,
  )
/** Formats a share from 0 to 1: `42%`. A tiny share is `<1%` rather than `0%`, and nearly all is `>99%` rather than `100%`. */
export const percent = (share: number): string => {
  if (share > 0 && share < 0.005) return `<${percents.format(0.01)}`
  return share >= 0.995 && share < 1 ? `>${percents.format(0.99)}` : withMinus(percents.format(share))
}
/** An instant of UTC, in which charts have their buckets: `Nov 27, 12:00 AM`. */
export const utc = (at: string): string => utcInstants.format(new Date(at))
export const instant = (at: string): string => instants.format(new Date(at))
export const day = (at: string): string => days.format(new Date(at))

/** Whether a name has nothing to see or to say, so that a link with it could be neither found nor read. */
export const isBlank = (name: string): boolean => !/[^\s\p{C}\p{Z}]/u.test(name)
/** A name as it is, and `unnamed` if it is blank. */
export const named = (name: string): string => (isBlank(name) ? 'unnamed' : name)

/** `credit` or `credits`. */
export const plural = (count: number, noun: string): string => (count === 1 ? noun : `${noun}s`)

const UNITS: readonly [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

/** `3 hr. ago`, `in 2 days`, `now`. */
export function ago(at: string | number, now: number): string {
  const seconds = (new Date(at).getTime() - now) / 1000
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? ['second', 1]
  const count = Math.round(seconds / size)
  return count === 0 ? 'now' : relative.format(count, unit)
}

/** As {@link ago}, for what has happened. It is `now`, and never ahead, if `now` is from before it or the clocks differ. */
export const since = (at: string | number, now: number): string => ago(at, Math.max(now, new Date(at).getTime()))

/** Formats a number of seconds: `340 ms`, `2.4 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${whole.format(seconds * 1000)} ms`
  if (seconds < 59.95) return `${exact.format(Math.round(seconds * 10) / 10)} s`
  // Round before dividing, so that no minute shows 60 seconds.
  const [inSeconds, inMinutes] = [Math.round(seconds), Math.round(seconds / 60)]
  if (inSeconds < 3_600) return `${Math.floor(inSeconds / 60)} min ${inSeconds % 60} s`
  if (seconds < 172_800) return `${Math.floor(inMinutes / 60)} h ${inMinutes % 60} min`
  return `${whole.format(seconds / 86_400)} days`
}

const SERVICES: ReadonlyMap<string, string> = new Map([
  ['gpt', 'Chat'],
  ['voice_stt', 'Transcription'],
  ['voice_tts', 'Speech'],
  ['vision', 'Vision'],
  ['phone', 'Phone'],
  ['realtime', 'Conversation'],
  ['embedding', 'Embedding'],
])

/** The display name of a service. A team's own service keeps its wire name. */
export const serviceName = (service: string): string => SERVICES.get(service) ?? service

/** The display name of a service and provider pair: `gpt_gpt-4o` is `Chat: gpt-4o`. A team's own service keeps its wire name. */
export function providerName(name: string): string {
  for (const [service, words] of SERVICES)
    if (name.startsWith(`${service}_`)) return `${words}: ${name.slice(service.length + 1)}`
  return name
}

/** The name of a unit after a count: `tokens`, but `token` after 1. */
export const unitName = (count: number | string, unit: string): string => (Number(count) === 1 ? unit.replace(/s$/, '') : unit)
