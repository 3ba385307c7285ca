import type { AuthenticatedKey } from '@farebox/ledger'
import type { z } from 'zod'
import type { Farebox } from '../farebox.ts'
import type { Problem } from './problem.ts'

/** What a handler is given: everything of the request that it declared, parsed. */
export interface RouteCall<Body, Query> {
  box: Farebox
  request: Request
  /** Fires when the caller leaves, or the request has taken longer than it may. */
  signal: AbortSignal
  /** Of `:name` in the path. */
  parameters: Readonly<Record<string, string>>
  body: Body
  query: Query
  idempotencyKey: string | undefined
  /** Whether it is the operator who asks: with the admin token. */
  isAdmin: boolean
  /** Tells the operator of a failure that came after the answer had begun. */
  report(error: unknown): void
}

/** What a host knows of whoever holds an API key. */
export type KnownMetadata = (key: AuthenticatedKey) => Metadata | undefined | Promise<Metadata | undefined>
type Metadata = Readonly<Record<string, string>>

/** What a handler of an account is given. */
export interface AccountCall<Body, Query> extends RouteCall<Body, Query> {
  key: AuthenticatedKey
  /** What conditions look at: what the host knows of the caller, above what the caller says. */
  metadata(said?: Metadata): Promise<Metadata | undefined>
}

/** What a handler is given that reads of an account: for a key of it, or for whoever has the admin token. */
export interface ReadCall<Body, Query> extends RouteCall<Body, Query> {
  accountId: string
  /** `undefined` when the admin token asks. */
  key: AuthenticatedKey | undefined
}

/** A JSON answer with a status of its own, or with headers. */
export class JsonAnswer<Body = unknown> {
  readonly status: number
  readonly body: Body
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, body: Body, headers: Readonly<Record<string, string>> = {}) {
    this.status = status
    this.body = body
    this.headers = headers
  }
}

/** Says in an answer that it was given before under the same idempotency key. */
export const REPLAYED: Readonly<Record<string, string>> = { 'idempotency-replayed': 'true' }

/** A JSON answer to a change that the ledger makes once for an idempotency key. What happens once without a key too is no answer given again. */
export function changed<Body>(
  status: 200 | 201,
  body: Body,
  { idempotencyKey, replayed }: { idempotencyKey: string | undefined; replayed: boolean },
): JsonAnswer<Body> {
  return new JsonAnswer(status, body, idempotencyKey !== undefined && replayed ? REPLAYED : {})
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

/** What a handler may answer: the JSON body of a 200, the same with a status or headers, a problem, or a whole `Response`. */
export type Answered<Body> = Body | JsonAnswer<Body> | ProblemAnswer | Response

/** How calls of providers fail, beside how every request may. */
export const SPENDING: readonly number[] = [402, 403, 404, 499, 502, 504]

/** What the routes are about, for whoever reads the document. */
export type RouteTag = 'agents' | 'workflows' | 'credits' | 'usage' | 'admin' | 'openai' | 'operations'

/** What a route is, beside what it does. The table of routes serves the requests and writes the OpenAPI document. */
interface RouteShape<Body extends z.ZodType, Query extends z.ZodType, Answer extends z.ZodType> {
  method: 'get' | 'post'
  /** With parameters as `:name`. */
  path: string
  /** Names it for generated clients: `createAgent`. */
  operationId: string
  tag: RouteTag
  summary: string
  /** Absent where there is none, or where the handler reads one of another kind. */
  body?: Body
  /** The fields of a form whose handler reads an upload, by name, its file among them. */
  form?: { file: string; fields: z.ZodObject; raw?: string }
  query?: Query
  /** @defaultValue 200 */
  status?: 200 | 201
  /** What is answered when all went well, as JSON. Its handler is held to it. */
  answer: Answer
  /** Other kinds of answers, by media type, and when they are given. */
  streams?: Readonly<Record<string, string>>
  /** Whether its request says how long it may take, and nobody else does. @defaultValue false */
  hasOwnTimeLimit?: boolean
  /** Whether its answer is a file to be kept under a name. @defaultValue false */
  isFile?: boolean
  /** Whether it changes nothing, so that an idempotency key says nothing. @defaultValue whether it is a GET */
  changesNothing?: boolean
  /** Statuses of its own failures, beside those that follow from what it is. */
  fails?: readonly number[]
  /** Names of the ledger's fields on the wire, where an idempotency conflict names them. */
  wireNames?: Readonly<Record<string, string>>
}

/** One route of the API. */
export type Route = RouteShape<z.ZodType, z.ZodType, z.ZodType> &
  (
    | { access: 'public' | 'admin'; handle(call: RouteCall<never, never>): unknown }
    | { access: 'account'; handle(call: AccountCall<never, never>): unknown }
    | { access: 'read'; handle(call: ReadCall<never, never>): unknown }
    | { access: 'anyKey'; handle(call: RouteCall<never, never>): unknown }
  )

/** What is only written out, and so may be read-only. */
type Sent<Body> = Body extends object ? { readonly [Field in keyof Body]: Sent<Body[Field]> } : Body

type Handled<Answer extends z.ZodType> = Answered<Sent<z.input<Answer>>> | Promise<Answered<Sent<z.input<Answer>>>>

/** A route that needs an account's API key. */
export function accountRoute<Body extends z.ZodType, Query extends z.ZodType, Answer extends z.ZodType>(
  route: RouteShape<Body, Query, Answer> & { handle(call: AccountCall<z.output<Body>, z.output<Query>>): Handled<Answer> },
): Route {
  return { ...route, access: 'account' } as Route
}

/** A route that reads of an account: with one of its API keys, or with the admin token and `account_id` in the query. */
export function readRoute<Body extends z.ZodType, Query extends z.ZodType, Answer extends z.ZodType>(
  route: RouteShape<Body, Query, Answer> & { handle(call: ReadCall<z.output<Body>, z.output<Query>>): Handled<Answer> },
): Route {
  return { ...route, access: 'read' } as Route
}

/** A route about the server itself, that needs an API key of any account or the admin token. */
export function anyKeyRoute<Body extends z.ZodType, Query extends z.ZodType, Answer extends z.ZodType>(
  route: RouteShape<Body, Query, Answer> & { handle(call: RouteCall<z.output<Body>, z.output<Query>>): Handled<Answer> },
): Route {
  return { ...route, access: 'anyKey' } as Route
}

/** A route that needs the admin token. */
export function adminRoute<Body extends z.ZodType, Query extends z.ZodType, Answer extends z.ZodType>(
  route: RouteShape<Body, Query, Answer> & { handle(call: RouteCall<z.output<Body>, z.output<Query>>): Handled<Answer> },
): Route {
  return { ...route, access: 'admin' } as Route
}

/** A route that anybody may ask. */
export function publicRoute<Body extends z.ZodType, Query extends z.ZodType, Answer extends z.ZodType>(
  route: RouteShape<Body, Query, Answer> & { handle(call: RouteCall<z.output<Body>, z.output<Query>>): Handled<Answer> },
): Route {
  return { ...route, access: 'public' } as Route
}
