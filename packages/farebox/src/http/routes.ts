import { createHash, timingSafeEqual } from 'node:crypto'
import { type FareboxError, isFareboxError } from '@farebox/core'
import { IdempotencyConflictError, InvalidInputError } from '@farebox/ledger'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { compatRoutes } from '../compat/compat-routes.ts'
import { UnauthorizedError } from '../errors.ts'
import type { Farebox } from '../farebox.ts'
import { accountRoutes } from './account-routes.ts'
import { adminRoutes } from './admin-routes.ts'
import { agentRoutes } from './agent-routes.ts'
import { BodyTooLargeError, InvalidBodyError, MalformedBodyError, RouteNotFoundError } from './http-errors.ts'
import { RequestMetrics } from './metrics.ts'
import { openapiDocument } from './openapi.ts'
import { operationRoutes } from './operation-routes.ts'
import { parseFields } from './parse-fields.ts'
import { problemOf } from './problem.ts'
import { problemAnswer } from './problem-answer.ts'
import { JsonAnswer, ProblemAnswer, type Route, type RouteCall } from './route.ts'
import { workflowRoutes } from './workflow-routes.ts'

export interface RoutesOptions {
  /** Opens the admin routes to whoever sends it as bearer. @defaultValue none: they are closed */
  adminToken?: string
  /** Longer bodies get a 413. @defaultValue 26_214_400 (25 MiB, a long recording) */
  bodyBytesMax?: number
  /** Told of every error that is answered with a 500, and of what was behind a 502 or broke a stream off. @defaultValue nobody */
  onError?: (error: unknown, request: Request) => void
}

const BODY_BYTES_MAX = 25 * 1024 * 1024
const IDEMPOTENCY_KEY_MAX = 180

/** Every route of the API. */
const routes: readonly Route[] = [
  ...agentRoutes,
  ...workflowRoutes,
  ...accountRoutes,
  ...compatRoutes,
  ...adminRoutes,
  ...operationRoutes,
]

/** The API of a Farebox as one handler. */
export function createRoutes(box: Farebox, options: RoutesOptions): (request: Request) => Promise<Response> {
  const app = new Hono()
  const metrics = new RequestMetrics()
  const adminDigest = options.adminToken ? digest(options.adminToken) : undefined
  const bodyBytesMax = options.bodyBytesMax ?? BODY_BYTES_MAX

  const failure = (error: unknown, context: Context, wireNames?: Route['wireNames']) =>
    problemAnswer(problemOf(error, wireNames), context.req.path)
  const tooLarge = (context: Context) => failure(new BodyTooLargeError(`the body is longer than ${bodyBytesMax} bytes`), context)
  const limitBody = bodyLimit({ maxSize: bodyBytesMax, onError: tooLarge })
  app.use(async (context, next) => {
    const { method } = context.req
    const length = context.req.header('content-length')
    // Where the length is told, the body need not be looked at, which would make a web stream of it.
    if (length === undefined || context.req.header('transfer-encoding') !== undefined) {
      return method === 'GET' || method === 'HEAD' ? next() : limitBody(context, next)
    }
    return Number(length) > bodyBytesMax ? tooLarge(context) : next()
  })
  for (const route of routes) {
    app.on(route.method.toUpperCase(), route.path, async (context) => {
      const started = performance.now()
      const report = (error: unknown) => options.onError?.(error, context.req.raw)
      const response = await answer(box, route, { context, report, adminDigest }).catch((error: unknown) => {
        const named = inWireNames(error, route, context.req.header('idempotency-key'))
        const failed = failure(named, context, route.wireNames)
        if (failed.status >= 500) report(error)
        return failed
      })
      metrics.count(route.method, route.path, response.status, (performance.now() - started) / 1000)
      return response
    })
  }
  const document = JSON.stringify(openapiDocument(routes))
  app.get('/openapi.json', () => new Response(document, { headers: { 'content-type': 'application/json' } }))
  app.get(
    '/metrics',
    () =>
      new Response(metrics.text(box.providers, box.ledger.queueStats()), {
        headers: { 'content-type': 'text/plain; version=0.0.4' },
      }),
  )
  app.notFound((context) =>
    failure(new RouteNotFoundError(`there is nothing at ${context.req.method} ${context.req.path}`), context),
  )
  app.onError((error, context) => {
    options.onError?.(error, context.req.raw)
    return failure(error, context)
  })
  return async (request) => app.fetch(request)
}

async function answer(
  box: Farebox,
  route: Route,
  { context, report, adminDigest }: { context: Context; report: (error: unknown) => void; adminDigest: Buffer | undefined },
): Promise<Response> {
  const request = context.req.raw
  const secret = bearer(request)
  const key = route.access === 'account' ? await box.authenticate(secret) : undefined
  if (route.access === 'admin') checkAdmin(secret, adminDigest)
  const call: RouteCall<unknown, unknown> = {
    box,
    request,
    parameters: context.req.param(),
    query: route.query && parseFields(route.query, context.req.query()),
    body: route.body && parseFields(route.body, await readJson(request)),
    idempotencyKey: idempotencyKeyOf(request),
    report,
  }
  const result: unknown = await route.handle({ ...call, key } as never)
  if (result instanceof Response) return result
  if (result instanceof ProblemAnswer) return problemAnswer(result.problem, context.req.path, result.headers)
  const { status, body, headers } = result instanceof JsonAnswer ? result : new JsonAnswer(200, result)
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } })
}

function bearer(request: Request): string | undefined {
  return /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
}

function checkAdmin(secret: string | undefined, adminDigest: Buffer | undefined): void {
  if (!adminDigest) throw new UnauthorizedError('the admin routes are closed: no admin token is configured')
  if (!secret || !timingSafeEqual(digest(secret), adminDigest)) throw new UnauthorizedError('the admin token is missing or wrong')
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function idempotencyKeyOf(request: Request): string | undefined {
  const key = request.headers.get('idempotency-key') ?? undefined
  if (key !== undefined && (key.length === 0 || key.length > IDEMPOTENCY_KEY_MAX)) {
    throw new InvalidBodyError([{ field: 'Idempotency-Key', problem: `must have 1 to ${IDEMPOTENCY_KEY_MAX} characters` }])
  }
  return key
}

/** An absent body is an empty object, so that routes whose fields are all optional take none. */
async function readJson(request: Request): Promise<unknown> {
  const text = await request.text()
  if (text.trim() === '') return {}
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new MalformedBodyError('the body is not JSON', { cause: error })
  }
}

/** A conflict, and a field that the ledger did not take, are named as the caller sent them. */
function inWireNames(error: unknown, { wireNames = {} }: Route, idempotencyKey: string | undefined): unknown {
  if (isConflict(error)) {
    // Under the same key at another route everything differs, and only that matters.
    const isOtherRoute = error.differs.includes('verb')
    const names = isOtherRoute
      ? ['path']
      : error.differs.map((field) => wireNames[field] ?? wireName(field)).filter((name) => name !== '')
    return new IdempotencyConflictError(idempotencyKey ?? error.idempotencyKey, [
      ...new Set(names.length > 0 ? names : ['request']),
    ])
  }
  if (error instanceof InvalidInputError) {
    // Too large a price is that of too large a quantity.
    const field = error.field === 'usage.rated' ? 'usage.quantity' : error.field
    return new InvalidBodyError([
      { field: wireNames[field] || wireName(field), problem: error.message.slice(error.field.length + 1) },
    ])
  }
  return error
}

function isConflict(error: unknown): error is FareboxError & IdempotencyConflictError {
  return isFareboxError(error) && error.code === 'IDEMPOTENCY_CONFLICT'
}

function wireName(field: string): string {
  return field.replace(/^body\./, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
