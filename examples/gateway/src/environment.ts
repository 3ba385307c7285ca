import { z } from 'zod'

/** An empty setting counts as not set. */
const text = z.preprocess((value) => (value === '' ? undefined : value), z.string().optional())
const flag = z.preprocess(
  (value) => (value === '' ? undefined : typeof value === 'string' ? value.toLowerCase() : value),
  z.enum(['true', 'false', '1', '0'], { error: 'must be true or false' }).optional(),
)

const COUNT = 'must be a whole number above 0'
const count = z.preprocess(
  (value) => (value === '' ? undefined : value),
  z.coerce.number({ error: COUNT }).int(COUNT).min(1, COUNT).optional(),
)

/** Whether any client can send a value as a bearer token, and nobody can guess it at once. */
export const isToken = (value: string) => /^[\x21-\x7e]{8,}$/.test(value)
const TOKEN = 'must have at least 8 characters, all of them visible ASCII'

const isOrigin = (origin: string) => URL.canParse(origin) && new URL(origin).origin === origin

const SECONDS = 'must be whole seconds from 1 to 86400'
const DAYS = 'must be a number of days, such as 30 or 0.5, or 0 to keep them for good'
const url = text.refine((value) => value === undefined || /^https?:\/\/./.test(URL.canParse(value) ? value : ''), {
  error: 'must be a URL that begins with http:// or https://',
})

const schema = z.object({
  HOST: text,
  PORT: text
    .refine((port) => port === undefined || (/^\d{1,5}$/.test(port) && Number(port) <= 65_535), 'must be a port number')
    .transform((port) => Number(port ?? 8787)),
  NODE_ENV: text,
  DATABASE_URL: text.refine((url) => url === undefined || /^postgres(ql)?:\/\/./.test(url), 'must begin with postgres://'),
  FAREBOX_DATA_DIR: text,
  FAREBOX_ADMIN_TOKEN: text.refine((token) => token === undefined || isToken(token), TOKEN),
  FAREBOX_DEMO_KEY: text
    .refine((key) => key === undefined || isToken(key), TOKEN)
    .refine((key) => key === undefined || key.length <= 200, 'must have at most 200 characters'),
  FAREBOX_WEBHOOK_URL: text,
  FAREBOX_WEBHOOK_SECRET: text,
  FAREBOX_SIMULATED: flag,
  FAREBOX_PUBLIC_URL: url,
  FAREBOX_RECONCILE_SECONDS: z.preprocess(
    (value) => (value === '' ? undefined : value),
    z.coerce.number({ error: SECONDS }).int(SECONDS).min(1, SECONDS).max(86_400, SECONDS).default(60),
  ),
  FAREBOX_KEEP_ANSWERS_DAYS: z.preprocess(
    (value) => (value === '' ? undefined : value),
    z.coerce
      .number({ error: DAYS })
      .refine((days) => days === 0 || (days * 24 >= 1 && days <= 36_600), DAYS)
      .default(30),
  ),
  FAREBOX_REQUESTS_PER_MINUTE: count,
  FAREBOX_CONCURRENT_REQUESTS: count,
  FAREBOX_CORS_ORIGINS: text
    .transform((list) => list?.split(',').map((origin) => origin.trim()))
    .refine(
      (origins) => origins === undefined || origins.every(isOrigin),
      'must be origins with commas between, such as https://app.example.com',
    ),
  FAREBOX_CREDIT_USD: text.refine(
    (value) => value === undefined || (/^\d{1,6}(\.\d{1,12})?$/.test(value) && /[1-9]/.test(value)),
    'must be US dollars above 0, such as 0.001',
  ),
  FAREBOX_MARKUP_PERCENT: text.refine(
    (value) => value === undefined || /^\d{1,6}(\.\d{1,6})?$/.test(value),
    'must be a percentage from 0, such as 30',
  ),
  OPENAI_API_KEY: text,
  OPENAI_BASE_URL: url,
  ANTHROPIC_API_KEY: text,
  ANTHROPIC_BASE_URL: url,
  DEEPGRAM_API_KEY: text,
  DEEPGRAM_BASE_URL: url,
  CARTESIA_API_KEY: text,
  CARTESIA_BASE_URL: url,
  ELEVENLABS_API_KEY: text,
  ELEVENLABS_BASE_URL: url,
  // The message does not quote the value: it may be the auth token, if somebody has mixed up the two variables.
  TWILIO_ACCOUNT_SID: text.refine(
    (sid) => sid === undefined || /^AC[0-9a-fA-F]{32}$/.test(sid),
    'must be AC and 32 hexadecimal digits',
  ),
  TWILIO_AUTH_TOKEN: text,
  TWILIO_FROM: text.refine(
    (number) => number === undefined || /^\+[1-9]\d{3,14}$/.test(number),
    'must be a telephone number such as +15557654321',
  ),
  TWILIO_BASE_URL: url,
  LIVEKIT_URL: text,
  LIVEKIT_API_KEY: text,
  LIVEKIT_API_SECRET: text,
  DEFAULT_AI_MODEL: text,
  DEFAULT_TTS_PROVIDER: text,
  DEFAULT_STT_PROVIDER: text,
  COST_OPTIMIZATION_ENABLED: flag,
  MINIMUM_CREDITS_FOR_API_KEY: text.refine(
    (value) => value === undefined || /^\d{1,10}(\.\d{1,6})?$/.test(value),
    'must be a number of credits, such as 5000',
  ),
})

/** The checked settings of the gateway. */
export type Environment = z.output<typeof schema>

/** A setting, or what it points to, is wrong. The gateway prints one line and exits. */
export class SetupError extends Error {}

/** @throws {SetupError} a setting is malformed; the message names it */
export function readEnvironment(environment: NodeJS.ProcessEnv): Environment {
  const parsed = schema.safeParse(environment)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`)
  throw new SetupError(problems.join('; '))
}

export function isSet(value: 'true' | 'false' | '1' | '0' | undefined): boolean {
  return value === 'true' || value === '1'
}
