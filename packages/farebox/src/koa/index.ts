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

/** The slice of a Koa context that we use. */
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
 * Gives every request a workflow, `ctx.state.farebox`, that is paid by the API key it carries and closed with its response. A
 * request without a good key is answered with 401; errors of Farebox that later middleware throws become problem documents.
 *
 * @throws {InvalidOptionError} the workflow has no name, an option is unknown, or its configuration is not whole
 */
export function farebox(box: Farebox, options: MountOptions): KoaMiddleware {
  checkMount(options)
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

/** The HTTP API. Other paths go on to the next middleware. Parsers of JSON and of raw bodies may come before it or after, those of files after it. */
export function fareboxRoutes(box: Farebox, options: RoutesOptions = {}): KoaMiddleware {
  const routes = nodeRoutes(box, options)
  return async (context, next) => {
    const { body } = context.request as { body?: unknown }
    if (await routes(context.req, context.res, body)) context.respond = false
    else await next()
  }
}
