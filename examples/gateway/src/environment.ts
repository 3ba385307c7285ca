import { z } from 'zod'

/** A setting that is set to nothing is not set. */
const text = z.preprocess((value) => (value === '' ? undefined : value), z.string().optional())
const flag = z.preprocess(
  (value) => (value === '' ? undefined : typeof value === 'string' ? value.toLowerCase() : value),
  z.enum(['true', 'false', '1', '0'], { error: 'must be true or false' }).optional(),
)

const schema = z.object({
  HOST: text,
  PORT: z.preprocess(
    (value) => (value === '' ? undefined : value),
    z.coerce.number({ error: 'must be a port number' }).int().min(0).max(65_535).default(8787),
  ),
  NODE_ENV: text,
  DATABASE_URL: text.refine((url) => url === undefined || /^postgres(ql)?:\/\/./.test(url), 'must begin with postgres://'),
  FAREBOX_DATA_DIR: text,
  FAREBOX_ADMIN_TOKEN: text.refine((token) => token === undefined || token.length >= 8, 'must have at least 8 characters'),
  FAREBOX_DEMO_KEY: text.refine(
    (key) => key === undefined || /^\S{8,200}$/.test(key),
    'must have at least 8 characters, none of them blank',
  ),
  FAREBOX_WEBHOOK_URL: text,
  FAREBOX_WEBHOOK_SECRET: text,
  FAREBOX_SIMULATED: flag,
  OPENAI_API_KEY: text,
  OPENAI_BASE_URL: text.refine((url) => url === undefined || URL.canParse(url), 'must be a URL'),
  ANTHROPIC_API_KEY: text,
  CARTESIA_API_KEY: text,
  DEEPGRAM_API_KEY: text,
  ELEVENLABS_API_KEY: text,
  TWILIO_ACCOUNT_SID: text,
  TWILIO_AUTH_TOKEN: text,
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

/** The settings of the gateway, checked. */
export type Environment = z.output<typeof schema>

/** A setting, or what it points at, is wrong: one line, and the process ends. */
export class SetupError extends Error {}

/** @throws {SetupError} a setting is malformed: the message names it */
export function readEnvironment(environment: NodeJS.ProcessEnv): Environment {
  const parsed = schema.safeParse(environment)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`)
  throw new SetupError(problems.join('; '))
}

export function isSet(value: 'true' | 'false' | '1' | '0' | undefined): boolean {
  return value === 'true' || value === '1'
}
