import type { Context } from 'hono'
import type { Farebox } from '../farebox.ts'
import { callerOf } from './caller-of.ts'
import { InvalidBodyError } from './http-errors.ts'
import type { KeyLimiter } from './key-limiter.ts'
import type { ResolvedLimits } from './limits.ts'
import { parseFields } from './parse-fields.ts'
import { problemAnswer } from './problem-answer.ts'
import { readJson } from './read-json.ts'
import { type AccountCall, JsonAnswer, type KnownMetadata, type NamedWorkflow, ProblemAnswer, type Route } from './route.ts'
import { text } from './schemas.ts'
import { untilAborted } from './until-aborted.ts'
import { whenBodyEnds } from './when-body-ends.ts'
import { withinTime } from './within-time.ts'

const IDEMPOTENCY_KEY_MAX = 180
/** Said to the host, who must fix it. Without it, a form would look malformed, which its caller cannot help. */
const READ_BEFORE =
  'a middleware before Farebox has read the body: mount Farebox before it, or hand Farebox a clone of the request'

/** What it takes to answer a request, in addition to its route. */
export interface AnswerParts {
  context: Context
  adminDigest: Buffer | undefined
  limits: ResolvedLimits
  limiter: KeyLimiter
  /** What the host knows about a caller. */
  metadata: KnownMetadata | undefined
  /** Filled with the rate limit headers of the answer, which a failure carries too. */
  headers: Record<string, string>
  report(error: unknown): void
  belongsTo(workflow: NamedWorkflow): void
}

/** Who asks. */
type Caller = Omit<Awaited<ReturnType<typeof callerOf>>, 'query'>

/** Authenticates the caller, applies their limits, and answers within the time limit. */
export async function answerRequest(box: Farebox, route: Route, parts: AnswerParts): Promise<Response> {
  const { context, adminDigest, limits, limiter } = parts
  const secret = bearer(context.req.raw)
  const { query, ...caller } = await callerOf(box, route.access, {
    secret,
    query: () => (route.query || route.access === 'read' ? queryOf(context) : {}),
    adminDigest,
  })
  const { headers, leave } = caller.key ? await limiter.enter(caller.key.apiKeyId) : { headers: {}, leave: () => undefined }
  Object.assign(parts.headers, headers)
  const late = new AbortController()
  const running = handle(box, route, { ...parts, query, caller, late, leave })
  try {
    return await withinTime(route.hasOwnTimeLimit ? Number.POSITIVE_INFINITY : limits.timeoutMs, late, running)
  } catch (error) {
    // Work that outlives its time limit counts as under way until it ends. Nobody reads its answer.
    const ended = running.then(
      (response) => response.body?.cancel(),
      () => leave(),
    )
    box.background(ended, () => undefined)
    throw error
  }
}

/** Parses the request and lets the route answer. Calls `leave` when the answer has ended. */
async function handle(
  box: Farebox,
  route: Route,
  {
    context,
    query,
    caller,
    late,
    leave,
    report,
    belongsTo,
    metadata,
  }: AnswerParts & { query: Record<string, string>; caller: Caller; late: AbortController; leave: () => void },
): Promise<Response> {
  const request = context.req.raw
  if ((route.body || route.form) && request.bodyUsed) throw new Error(READ_BEFORE)
  const call: Omit<AccountCall<unknown, unknown>, keyof Caller> = {
    box,
    request,
    // Created on demand: most routes never use it.
    get signal() {
      return AbortSignal.any([request.signal, late.signal])
    },
    parameters: checkParameters(context.req.param()),
    query: route.query && parseFields(route.query, query),
    body: route.body && parseFields(route.body, await untilAborted(readJson(request), late.signal)),
    // Clients may send it with every request, but only a POST has an effect to have once.
    idempotencyKey: route.method === 'post' ? idempotencyKeyOf(request) : undefined,
    report,
    belongsTo,
    metadata: async (said) => {
      const known = caller.key && (await metadata?.(caller.key))
      return known ? { ...said, ...known } : said
    },
  }
  const result: unknown = await route.handle(Object.assign(call, caller) as never)
  // What anybody may ask for is no stream, and nobody's limits wait for its end. A server can send it without a copy.
  if (result instanceof Response) return withoutUnasked(request, route.access === 'public' ? result : whenBodyEnds(result, leave))
  leave()
  if (result instanceof ProblemAnswer) return problemAnswer(result.problem, context.req.path, result.headers)
  const { status, body, headers } = result instanceof JsonAnswer ? result : new JsonAnswer(200, result)
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } })
}

/** Drops the body of an answer to HEAD: nobody reads it, so it would never end. */
async function withoutUnasked({ method }: Request, response: Response): Promise<Response> {
  if (method !== 'HEAD') return response
  await response.body?.cancel()
  return new Response(null, response)
}

function bearer(request: Request): string | undefined {
  return /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
}

/** The query's parameters by name. Refuses a repeated one, since either value could be meant. */
function queryOf({ req }: Context): Record<string, string> {
  const given = Object.entries(req.queries())
  const repeated = given.filter(([, values]) => values.length > 1)
  if (repeated.length > 0) throw new InvalidBodyError(repeated.map(([field]) => ({ field, problem: 'must be given once' })))
  return Object.fromEntries(given.map(([name, [value = '']]) => [name, value]))
}

function idempotencyKeyOf(request: Request): string | undefined {
  const key = request.headers.get('idempotency-key') ?? undefined
  if (key !== undefined && (key.length === 0 || key.length > IDEMPOTENCY_KEY_MAX)) {
    throw new InvalidBodyError([{ field: 'Idempotency-Key', problem: `must have 1 to ${IDEMPOTENCY_KEY_MAX} characters` }])
  }
  if (key !== undefined && !text.safeParse(key).success) {
    throw new InvalidBodyError([{ field: 'Idempotency-Key', problem: 'must not hold control characters' }])
  }
  return key
}

/** Refuses ids that a database would not accept as text. */
function checkParameters(parameters: Record<string, string>): Record<string, string> {
  for (const [field, value] of Object.entries(parameters)) {
    if (!text.safeParse(value).success) {
      throw new InvalidBodyError([{ field, problem: 'must have 1 to 200 characters, none of them a control character' }])
    }
  }
  return parameters
}
