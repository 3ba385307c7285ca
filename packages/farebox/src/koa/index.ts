import type { IncomingMessage, ServerResponse } from 'node:http'
import { isFareboxError } from '@farebox/core'
import type { Farebox } from '../farebox.ts'
import { dropBodyHeaders } from '../http/drop-body-headers.ts'
import { problemHeaders, problemOf } from '../http/problem.ts'
import type { RoutesOptions } from '../http/routes.ts'
import { checkMount, type MountOptions, mountWorkflow } from '../mount-workflow.ts'
import { nodeRoutes } from '../node-routes.ts'
import type { Workflow } from '../workflow.ts'

export type { MountOptions } from '../mount-workflow.ts'

/** The slice of a Koa context that Farebox uses. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly request: object
  readonly headerSent: boolean
  state: Partial<FareboxState>
  status: number
  body: unknown
  respond?: boolean | undefined
  get(field: string): string
  set(fields: Record<string, string>): void
}

/** Middleware for `app.use`. */
export type KoaMiddleware = (context: KoaContext, next: () => Promise<unknown>) => Promise<void>

/** What {@link farebox} adds to `ctx.state`. */
export interface FareboxState {
  /** The workflow of this request. */
  farebox: Workflow
}

/**
 * Middleware that gives every request a workflow, `ctx.state.farebox`. The request's API key pays for it, and it closes with the
 * response. A request without a valid key gets a 401. Farebox's errors that later middleware throws become problem documents.
 *
 * @throws {InvalidOptionError} the workflow has no name, an option is unknown, or the configuration is incomplete or invalid
 */
export function farebox(box: Farebox, options: MountOptions): KoaMiddleware {
  checkMount(box, options)
  return async (context, next) => {
    try {
      const mounted = mountWorkflow(box, options, context.req.headers.authorization, context.res)
      context.state.farebox = mounted instanceof Promise ? await mounted : mounted
      await next()
    } catch (error) {
      if (!isFareboxError(error) || context.headerSent) throw error
      const problem = problemOf(error)
      dropBodyHeaders(context.res)
      context.status = problem.status
      context.set(problemHeaders(problem))
      context.body = JSON.stringify(problem)
    }
  }
}

/**
 * Middleware that serves the HTTP API, and passes other paths on to the next middleware. Mount parsers of JSON and raw bodies
 * before or after it, and parsers of uploaded files after it.
 */
export function fareboxRoutes(box: Farebox, options: RoutesOptions = {}): KoaMiddleware {
  const routes = nodeRoutes(box, options)
  return async (context, next) => {
    const { body } = context.request as { body?: unknown }
    if (await routes(context.req, context.res, body)) context.respond = false
    else await next()
  }
}
