import type { AuthenticatedKey } from '@farebox/ledger'
import type { z } from 'zod'
import type { Farebox } from '../farebox.ts'
import type { Problem } from './problem.ts'

/** What a handler is given: everything of the request that it declared, parsed. */
export interface RouteCall<Body, Query> {
  box: Farebox
  request: Request
  /** Of `:name` in the path. */
  parameters: Readonly<Record<string, string>>
  body: Body
  query: Query
  idempotencyKey: string | undefined
  /** Tells the operator of a failure that came after the answer had begun. */
  report(error: unknown): void
}

/** What a handler of an account is given. */
export interface AccountCall<Body, Query> extends RouteCall<Body, Query> {
  key: AuthenticatedKey
}

/** What a handler is given that reads of an account: for a key of it, or for whoever has the admin token. */
export interface ReadCall<Body, Query> extends RouteCall<Body, Query> {
  accountId: string
  /** `undefined` when the admin token asks. */
  key: AuthenticatedKey | undefined
}

/** A JSON answer with a status of its own, or with headers. */
export class JsonAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    this.status = status
    this.body = body
    this.headers = headers
  }
}

/** A problem as it was answered before, with headers beside its own. */
export class ProblemAnswer {
  readonly problem: Problem
  readonly headers: Readonly<Record<string, string>>

  constructor(problem: Problem, headers: Readonly<Record<string, string>>) {
    this.problem = problem
    this.headers = headers
  }
}

/**
 * One route of the API. The table of them serves the requests and writes the OpenAPI document. A handler answers the JSON body
 * of a 200, or a {@link JsonAnswer}, a {@link ProblemAnswer}, or a whole `Response`.
 */
export type Route = {
  method: 'get' | 'post'
  /** With parameters as `:name`. */
  path: string
  summary: string
  /** `none` of them is a body of another kind, which the handler reads from the request. */
  body?: z.ZodType
  query?: z.ZodType
  status?: number
  /** Names of the ledger's fields on the wire, where an idempotency conflict names them. */
  wireNames?: Readonly<Record<string, string>>
} & (
  | { access: 'public' | 'admin'; handle(call: RouteCall<never, never>): unknown }
  | { access: 'account'; handle(call: AccountCall<never, never>): unknown }
  | { access: 'read'; handle(call: ReadCall<never, never>): unknown }
  | { access: 'anyKey'; handle(call: RouteCall<never, never>): unknown }
)

interface RouteShape<Body extends z.ZodType, Query extends z.ZodType> {
  method: 'get' | 'post'
  path: string
  summary: string
  body?: Body
  query?: Query
  status?: number
  wireNames?: Readonly<Record<string, string>>
}

/** A route that needs an account's API key. */
export function accountRoute<Body extends z.ZodType, Query extends z.ZodType>(
  route: RouteShape<Body, Query> & { handle(call: AccountCall<z.output<Body>, z.output<Query>>): unknown },
): Route {
  return { ...route, access: 'account' } as Route
}

/** A route that reads of an account: with one of its API keys, or with the admin token and `account_id` in the query. */
export function readRoute<Body extends z.ZodType, Query extends z.ZodType>(
  route: RouteShape<Body, Query> & { handle(call: ReadCall<z.output<Body>, z.output<Query>>): unknown },
): Route {
  return { ...route, access: 'read' } as Route
}

/** A route about the server itself, that needs an API key of any account or the admin token. */
export function anyKeyRoute<Body extends z.ZodType, Query extends z.ZodType>(
  route: RouteShape<Body, Query> & { handle(call: RouteCall<z.output<Body>, z.output<Query>>): unknown },
): Route {
  return { ...route, access: 'anyKey' } as Route
}

/** A route that needs the admin token. */
export function adminRoute<Body extends z.ZodType, Query extends z.ZodType>(
  route: RouteShape<Body, Query> & { handle(call: RouteCall<z.output<Body>, z.output<Query>>): unknown },
): Route {
  return { ...route, access: 'admin' } as Route
}

/** A route that anybody may ask. */
export function publicRoute<Body extends z.ZodType, Query extends z.ZodType>(
  route: RouteShape<Body, Query> & { handle(call: RouteCall<z.output<Body>, z.output<Query>>): unknown },
): Route {
  return { ...route, access: 'public' } as Route
}
