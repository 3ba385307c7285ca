import { checkOptionNames, checkOptionType, InvalidOptionError } from '@farebox/core'
import { type Context, Hono } from 'hono'
import { compatRoutes } from '../compat/compat-routes.ts'
import type { Farebox } from '../farebox.ts'
import { quietly } from '../telemetry/watch-call.ts'
import { accountRoutes } from './account-routes.ts'
import { adminRoutes } from './admin-routes.ts'
import { agentRoutes } from './agent-routes.ts'
import { answerRequest } from './answer-request.ts'
import { openapiAnswer } from './answers.ts'
import { digestOf } from './caller-of.ts'
import { type CorsOptions, crossOrigin } from './cross-origin.ts'
import { exportRoutes } from './export-routes.ts'
import { MethodNotAllowedError, RateLimitedError, RouteNotFoundError } from './http-errors.ts'
import { inWireNames } from './in-wire-names.ts'
import { KeyLimiter } from './key-limiter.ts'
import { limitBody } from './limit-body.ts'
import { type RouteLimits, resolveLimits } from './limits.ts'
import { openapiDocument } from './openapi.ts'
import { operationRoutes } from './operation-routes.ts'
import { problemOf } from './problem.ts'
import { problemAnswer } from './problem-answer.ts'
import { requestId, requestIdFacts } from './request-id.ts'
import { type KnownMetadata, type NamedWorkflow, publicRoute, type Route } from './route.ts'
import { safeHeaders } from './safe-headers.ts'
import { statusRoutes } from './status-routes.ts'
import { usageRoutes } from './usage-routes.ts'
import { workflowRoutes } from './workflow-routes.ts'

/** Options of the HTTP API. */
export interface RoutesOptions {
  /** Opens the admin routes to requests that send it as bearer token. @defaultValue none: the admin routes are closed */
  adminToken?: string | undefined
  /** Limits on the requests of one caller. */
  limits?: RouteLimits
  /**
   * What the host knows about the holder of an API key, for the conditions of configurations:
   * `({ accountId }) => ({ tier: tierOf(accountId) })`. It overrides what callers claim in `x-farebox-metadata`, so a condition
   * can trust every field that it always returns. If it throws, the request gets a 500 and no provider is called.
   *
   * @defaultValue nothing
   */
  metadata?: KnownMetadata
  /** Other origins whose pages may call the API. @defaultValue none */
  cors?: CorsOptions
  /** Called with every error of status 500 or above, whether it is answered or breaks off a stream. @defaultValue nobody is told */
  onError?: (error: unknown, request: Request) => void
}

const known: Record<keyof RoutesOptions, true> = { adminToken: true, limits: true, metadata: true, cors: true, onError: true }

/** Every route of the API. */
const routes: readonly Route[] = [
  ...agentRoutes,
  ...workflowRoutes,
  ...accountRoutes,
  ...usageRoutes,
  ...statusRoutes,
  ...exportRoutes,
  ...compatRoutes,
  ...adminRoutes,
  ...operationRoutes,
  publicRoute({
    method: 'get',
    path: '/openapi.json',
    operationId: 'getOpenapiDocument',
    tag: 'operations',
    summary: 'Get this document',
    answer: openapiAnswer,
    handle: () => new Response(documentBytes(), { headers: { 'content-type': 'application/json' } }),
  }),
]

let written: Uint8Array<ArrayBuffer> | undefined
/** The OpenAPI document, built when it is first requested. Its answers share the bytes: anybody may ask for many at once. */
function documentBytes(): Uint8Array<ArrayBuffer> {
  written ??= Buffer.from(JSON.stringify(openapiDocument(routes)))
  return written
}

/**
 * The API of a Farebox as one handler.
 *
 * @throws {InvalidOptionError} an option is unknown or of a wrong type, a limit or an origin is invalid, or the admin token is not ASCII text without blanks
 */
export function createRoutes(box: Farebox, options: RoutesOptions): (request: Request) => Promise<Response> {
  checkOptionNames(options, known, 'routes()')
  checkOptionType('metadata', options.metadata, 'function')
  checkOptionType('onError', options.onError, 'function')
  const app = new Hono()
  const adminDigest = adminDigestOf(options.adminToken)
  const limits = resolveLimits(options.limits)
  const limiter = new KeyLimiter(limits)

  const failure = (error: unknown, context: Context, wireNames?: Route['wireNames']) =>
    problemAnswer(problemOf(error, wireNames), context.req.path, error instanceof RateLimitedError ? error.headers : {})
  const tellLog = (context: Context, path: string, status: number, error: unknown) =>
    box.log.answered({ method: context.req.method, path, status, ...requestIdFacts(context) }, error)
  const tell = (error: unknown, request: Request) => void quietly(() => options.onError?.(error, request))
  app.use(safeHeaders)
  app.use((context, next) => {
    // Node's adapter makes a `Request` only when its body is read, and then throws: that would look like a failure of ours.
    if (NAMES_USER.test(context.req.url)) throw new RouteNotFoundError('there is no route whose URL names a user')
    return next()
  })
  app.use('/v1/*', requestId)
  if (options.cors) app.use(crossOrigin(options.cors))
  for (const route of routes) {
    const answered = (response: Response, startedMs: number) => {
      box.metrics.answered(route.method, route.path, response.status, performance.now() - startedMs)
      return response
    }
    const ofLimit = limitBody(route.form ? limits.uploadBytes : limits.requestBytes, (error, context, startedMs) =>
      answered(failure(error, context), startedMs),
    )
    app.on(route.method.toUpperCase(), route.path, ofLimit, async (context) => {
      const started = performance.now()
      const report = (error: unknown) => tell(error, context.req.raw)
      const headers: Record<string, string> = {}
      let workflow: NamedWorkflow | undefined
      const belongsTo = (named: NamedWorkflow) => {
        workflow = named
      }
      const parts = { context, report, belongsTo, adminDigest, limits, limiter, headers, metadata: options.metadata }
      const response = await answerRequest(box, route, parts).catch((error: unknown) => {
        const named = inWireNames(error, route, context.req.header('idempotency-key'))
        const failed = failure(named, context, route.wireNames)
        if (failed.status >= 500) {
          tellLog(context, route.path, failed.status, error)
          report(error)
        }
        return failed
      })
      for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
      if (response.status >= 400 && workflow?.isOpened) response.headers.set('x-farebox-workflow-id', workflow.id)
      return answered(response, started)
    })
  }
  for (const [path, allowed] of methodsByPath()) {
    const allow = { allow: allowed.join(', ') }
    app.options(path, () => new Response(null, { status: 204, headers: allow }))
    app.all(path, (context) => {
      const { method, path: asked } = context.req
      const error = new MethodNotAllowedError(`${method} is not for ${asked}: use ${allowed.join(' or ')}`)
      return problemAnswer(problemOf(error), asked, allow)
    })
  }
  app.notFound((context) =>
    failure(new RouteNotFoundError(`there is no route ${context.req.method} ${context.req.path}`), context),
  )
  app.onError((error, context) => {
    const failed = failure(error, context)
    if (failed.status >= 500) {
      tellLog(context, '', failed.status, error)
      tell(error, context.req.raw)
    }
    return failed
  })
  return async (request) => app.fetch(request)
}

/** A user name within a URL, which a request to a proxy may have. */
const NAMES_USER = /^[^/?#]*\/\/[^/?#]*@/

function adminDigestOf(token: string | undefined): Buffer | undefined {
  if (!token) return undefined
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
    throw new InvalidOptionError('adminToken must be a text of ASCII without blanks, since it is sent in a header')
  return digestOf(token)
}

/** The allowed methods of each path. A GET route also serves HEAD, without the body. */
function methodsByPath(): Map<string, string[]> {
  const methods = new Map<string, string[]>()
  for (const { path, method } of routes) {
    methods.set(path, [...(methods.get(path) ?? []), ...(method === 'get' ? ['GET', 'HEAD'] : ['POST'])])
  }
  return new Map([...methods].map(([path, allowed]) => [path, [...allowed, 'OPTIONS']]))
}
