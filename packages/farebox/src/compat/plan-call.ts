import type { Service } from '@farebox/core'
import { InvalidBodyError } from '../http/http-errors.ts'
import type { AccountCall } from '../http/route.ts'
import type { Run } from '../http/run-once.ts'
import type { Workflow } from '../workflow.ts'
import type { CallOptions } from '../workflow-calls.ts'
import { invalidHeader, parseConfigurationHeader, readCallerHeaders } from './caller-headers.ts'
import { findConfiguration, type NamedConfiguration, resolveModel } from './resolve-model.ts'

/** A request of an OpenAI client, for any service. */
export interface Asked {
  service: Service
  model: string
  /** The name of its workflow, unless the caller gives one. */
  name: string
  /** What was asked for, field by field. Requests that differ in a field are different requests. */
  fields: Record<string, unknown>
}

/** How to serve a request. */
export interface PlannedCall {
  run: Run
  options: Pick<CallOptions, 'provider'>
  /** The workflow to serve it in: a new one with this id, unless the caller named one. */
  workflow(workflowId: string): Workflow
  /** Closes the workflow in the background, if it is the request's own. */
  leave(workflow: Workflow): void
}

/**
 * Decides which providers may serve a request, in which workflow and with which configuration.
 *
 * @throws {ModelNotFoundError} there is no such model
 * @throws {NotFoundError} the account has no such workflow
 * @throws {InvalidBodyError} a header is invalid
 */
export async function planCall(call: AccountCall<unknown, unknown>, asked: Asked): Promise<PlannedCall> {
  const { box, key, request, idempotencyKey } = call
  const { accountId } = key
  const caller = readCallerHeaders(request)
  const model = await resolveModel(box, accountId, asked)
  if (model.configuration && caller.configuration !== undefined) {
    throw invalidHeader('x-farebox-configuration', 'cannot be given where model names a configuration too')
  }
  const named = await namedConfiguration(call, caller.configuration)
  const { configuration = named?.configuration, businessAdapter = named?.businessAdapter } = model
  const { workflowId: sharedId, workflowName, maxCredits } = caller
  const metadata = await call.metadata(caller.metadata)
  // A missing workflow should be a 404 at once, not a failure of the hold.
  if (sharedId !== undefined) {
    await box.ledger.workflow(accountId, sharedId)
    call.belongsTo({ id: sharedId, isOpened: true })
  }
  return {
    run: {
      accountId,
      idempotencyKey,
      fields: fieldsOf(asked, {
        ...headerFields(request),
        path: new URL(request.url).pathname,
        // Another key of the account may belong to another user and allow less, so it must not get this key's answer.
        api_key: key.apiKeyId,
      }),
      isShared: sharedId !== undefined,
      ...(sharedId === undefined && { belongsTo: call.belongsTo }),
    },
    options: { provider: model.provider },
    workflow(workflowId) {
      const workflow = box.workflow({
        accountId,
        workflowId: sharedId ?? workflowId,
        isOpened: sharedId !== undefined,
        isOneCall: sharedId === undefined,
        name: workflowName ?? asked.name,
        configuration,
        businessAdapter,
        metadata,
        maxCredits,
        apiKey: key,
        signal: call.signal,
      })
      call.belongsTo(workflow)
      return workflow
    },
    leave: (workflow) => {
      if (sharedId === undefined && workflow.isOpened) box.background(workflow.end())
    },
  }
}

async function namedConfiguration(
  { box, key }: AccountCall<unknown, unknown>,
  header: string | undefined,
): Promise<NamedConfiguration | undefined> {
  if (header === undefined) return undefined
  if (header.startsWith('{')) return { configuration: parseConfigurationHeader(header, box) }
  const named = await findConfiguration(box, key.accountId, header)
  if (named) return named
  throw new InvalidBodyError([
    {
      field: 'x-farebox-configuration',
      problem: `is not the name of a preset, business adapter or agent: ${JSON.stringify(header)}`,
    },
  ])
}

/** The fields of a body beside those of its request. Bodies may have fields of any name, so where two share one, both count. */
function fieldsOf({ fields }: Asked, own: Record<string, unknown>): Record<string, unknown> {
  const shared = Object.keys(own).filter((name) => fields[name] !== undefined)
  return { ...fields, ...own, ...Object.fromEntries(shared.map((name) => [name, [own[name], fields[name]]])) }
}

/** The headers that distinguish one request from another. */
function headerFields({ headers }: Request): Record<string, unknown> {
  return Object.fromEntries(
    HEADERS.flatMap((name) => {
      const value = headers.get(name)
      return value === null ? [] : [[name, value]]
    }),
  )
}

const HEADERS = [
  'x-farebox-workflow',
  'x-farebox-workflow-id',
  'x-farebox-configuration',
  'x-farebox-metadata',
  'x-farebox-max-credits',
]
