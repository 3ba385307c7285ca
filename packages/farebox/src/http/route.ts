import type { AuthenticatedKey } from '@farebox/ledger'
import type { z } from 'zod'
import type { Farebox } from '../farebox.ts'
import type { Problem } from './problem.ts'

/** What a handler receives: the parts of the request that its route declares, parsed. */
export interface RouteCall<Body, Query> {
  box: Farebox
  request: Request
  /** Fires when the caller leaves, or when the request exceeds its time limit. */
  signal: AbortSignal
  /** The values of each `:name` in the path. */
  parameters: Readonly<Record<string, string>>
  body: Body
  query: Query
  idempotencyKey: string | undefined
  /** Whether the operator asks, with the admin token. */
  isAdmin: boolean
  /** Tells the operator about a failure after the answer has begun. */
  report(error: unknown): void
  /** Names the workflow of the request, for its failure to carry the id. */
  belongsTo(workflow: NamedWorkflow): void
}

/** A workflow as a failure names it: only once it is opened, as otherwise there is none to find. */
export interface NamedWorkflow {
  readonly id: string
  readonly isOpened: boolean
}

/** What a host knows about the holder of an API key. */
export type KnownMetadata = (key: AuthenticatedKey) => Metadata | undefined | Promise<Metadata | undefined>
type Metadata = Readonly<Record<string, string>>

/** What the handler of an account route receives. */
export interface AccountCall<Body, Query> extends RouteCall<Body, Query> {
  key: AuthenticatedKey
  /** The metadata that conditions look at: what the caller sent, overridden by what the host knows. */
  metadata(said?: Metadata): Promise<Metadata | undefined>
}

/** What the handler of a route that reads an account receives, from one of its keys or from the admin token. */
export interface ReadCall<Body, Query> extends RouteCall<Body, Query> {
  accountId: string
  /** `undefined` when the admin token asks. */
  key: AuthenticatedKey | undefined
}

/** A JSON answer with its own status or headers. */
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

/** Marks an answer that repeats the first one under the same idempotency key. */
export const REPLAYED: Readonly<Record<string, string>> = { 'idempotency-replayed': 'true' }

/**
 * A JSON answer to a change that the ledger makes once per idempotency key. Without a key it is never marked as replayed, even if
 * the ledger makes the change only once anyway.
 */
export function changed<Body>(
  status: 200 | 201,
  body: Body,
  { idempotencyKey, replayed }: { idempotencyKey: string | undefined; replayed: boolean },
): JsonAnswer<Body> {
  return new JsonAnswer(status, body, idempotencyKey !== undefined && replayed ? REPLAYED : {})
}

/** A problem that was answered before, with headers in addition to its own. */
export class ProblemAnswer {
  readonly problem: Problem
  readonly headers: Readonly<Record<string, string>>

  constructor(problem: Problem, headers: Readonly<Record<string, string>>) {
    this.problem = problem
    this.headers = headers
  }
}

/** What a handler may return: the JSON body of a 200, a body with its own status or headers, a problem, or a whole `Response`. */
export type Answered<Body> = Body | JsonAnswer<Body> | ProblemAnswer | Response

/** Statuses of failed provider calls, in addition to those of every request. */
export const SPENDING: readonly number[] = [402, 403, 404, 499, 502, 504]

/** The sections of the OpenAPI document. */
export type RouteTag = 'agents' | 'workflows' | 'credits' | 'usage' | 'admin' | 'openai' | 'operations'

/** A route without its handler. The same table of routes serves the requests and generates the OpenAPI document. */
interface RouteShape<Body extends z.ZodType, Query extends z.ZodType, Answer extends z.ZodType> {
  method: 'get' | 'post'
  /** With parameters as `:name`. */
  path: string
  /** Its name in generated clients: `createAgent`. */
  operationId: string
  tag: RouteTag
  summary: string
  /** The schema of the JSON body. Absent where there is no body, or where the handler reads one of another kind. */
  body?: Body
  /** The form that the handler reads: which field is the file, the other fields, and the media type of a bare upload. */
  form?: { file: string; fields: z.ZodObject; raw?: string }
  query?: Query
  /** @defaultValue 200 */
  status?: 200 | 201
  /** The schema of a successful JSON answer. It types what the handler may return. */
  answer: Answer
  /** Other kinds of answers: by media type, when each is given. */
  streams?: Readonly<Record<string, string>>
  /** Whether the request sets its own time limit, so that `limits.timeoutMs` does not apply. @defaultValue false */
  hasOwnTimeLimit?: boolean
  /** Whether its answer is a file to download, with a name. @defaultValue false */
  isFile?: boolean
  /** Whether it changes nothing, so that an idempotency key has no effect. @defaultValue whether it is a GET */
  changesNothing?: boolean
  /** Statuses of its own failures, in addition to those that follow from its other fields. */
  fails?: readonly number[]
  /** Wire names of the ledger's fields, for errors that name a field. */
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

/** A body that may be read-only, since it is only serialized. */
type Sent<Body> = Body extends object ? { readonly [Field in keyof Body]: Sent<Body[Field]> } : Body

type Handled<Answer extends z.ZodType> = Answered<Sent<z.input<Answer>>> | Promise<Answered<Sent<z.input<Answer>>>>

/** A route that needs an account's API key. */
export function accountRoute<Body extends z.ZodType, Query extends z.ZodType, Answer extends z.ZodType>(
  route: RouteShape<Body, Query, Answer> & { handle(call: AccountCall<z.output<Body>, z.output<Query>>): Handled<Answer> },
): Route {
  return { ...route, access: 'account' } as Route
}

/** A route that reads an account: with one of its API keys, or with the admin token and `account_id` in the query. */
export function readRoute<Body extends z.ZodType, Query extends z.ZodType, Answer extends z.ZodType>(
  route: RouteShape<Body, Query, Answer> & { handle(call: ReadCall<z.output<Body>, z.output<Query>>): Handled<Answer> },
): Route {
  return { ...route, access: 'read' } as Route
}

/** A route about the server itself. It needs an API key of any account, or the admin token. */
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

/** A route that needs no credentials. */
export function publicRoute<Body extends z.ZodType, Query extends z.ZodType, Answer extends z.ZodType>(
  route: RouteShape<Body, Query, Answer> & { handle(call: RouteCall<z.output<Body>, z.output<Query>>): Handled<Answer> },
): Route {
  return { ...route, access: 'public' } as Route
}
