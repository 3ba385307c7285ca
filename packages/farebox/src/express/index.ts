import type { IncomingMessage, ServerResponse } from 'node:http'
import { isFareboxError } from '@farebox/core'
import type { Farebox } from '../farebox.ts'
import { dropBodyHeaders } from '../http/drop-body-headers.ts'
import { problemHeaders, problemOf } from '../http/problem.ts'
import type { RoutesOptions } from '../http/routes.ts'
import { checkMount, type MountOptions, mountWorkflow } from '../mount-workflow.ts'
import { nodeRoutes } from '../node-routes.ts'
import { quietly } from '../telemetry/watch-call.ts'
import type { Workflow } from '../workflow.ts'

export type { MountOptions } from '../mount-workflow.ts'

/** The slice of Express that Farebox uses: Node's own requests and responses, with a parsed body. */
type ExpressRequest = IncomingMessage & { body?: unknown; farebox?: Workflow }
type Next = (error?: unknown) => void

/** A handler for `app.use`. */
export type ExpressHandler = (request: ExpressRequest, response: ServerResponse, next: Next) => void | Promise<void>

/** An error handler for `app.use`. Express recognizes it by its four parameters. */
export type ExpressErrorHandler = (error: unknown, request: IncomingMessage, response: ServerResponse, next: Next) => void

declare global {
  namespace Express {
    interface Request {
      /** The workflow of this request. Set where {@link farebox} is mounted. */
      farebox: Workflow
    }
  }
}

/**
 * Middleware that gives every request a workflow, `req.farebox`. The request's API key pays for it, and it closes with the
 * response. A request without a valid key gets a 401.
 *
 * @throws {InvalidOptionError} the workflow has no name, an option is unknown, or the configuration is incomplete or invalid
 */
export function farebox(box: Farebox, options: MountOptions): ExpressHandler {
  checkMount(box, options)
  // Allocations per request add up: most requests carry a key that is already cached, and need none of the closures.
  const fail = (error: unknown, response: ServerResponse, next: (error?: unknown) => void) => {
    if (!response.headersSent) return isFareboxError(error) ? sendProblem(response, error) : next(error)
    // The host has already answered. Express would close the connection over a second answer.
    if (!isFareboxError(error)) quietly(() => options.onError?.(error))
  }
  return (request, response, next) => {
    let mounted: Workflow | Promise<Workflow>
    try {
      mounted = mountWorkflow(box, options, request.headers.authorization, response)
    } catch (error) {
      return fail(error, response, next)
    }
    if (mounted instanceof Promise) {
      return mounted.then(
        (workflow) => {
          request.farebox = workflow
          next()
        },
        (error: unknown) => fail(error, response, next),
      )
    }
    request.farebox = mounted
    next()
  }
}

/**
 * Middleware that serves the HTTP API, and passes other paths on to the next handler. Mount parsers of JSON and raw bodies before
 * or after it, and parsers of uploaded files after it.
 */
export function fareboxRoutes(box: Farebox, options: RoutesOptions = {}): ExpressHandler {
  const routes = nodeRoutes(box, options)
  return (request, response, next) =>
    routes(request, response, request.body).then(
      (isServed) => {
        if (!isServed) next()
      },
      // Express 4 ignores the promise of a handler, so a rejection has to reach `next` here.
      next,
    )
}

/**
 * Answers Farebox's errors with problem documents, and passes all others on. Mount it after the routes that use `req.farebox`.
 */
export function fareboxErrors(): ExpressErrorHandler {
  return (error, _request, response, next) => {
    if (!isFareboxError(error) || response.headersSent) return next(error)
    sendProblem(response, error)
  }
}

function sendProblem(response: ServerResponse, error: unknown): void {
  const problem = problemOf(error)
  dropBodyHeaders(response)
  // Not `send`, which would add a charset: JSON has none.
  response.writeHead(problem.status, problemHeaders(problem)).end(JSON.stringify(problem))
}
