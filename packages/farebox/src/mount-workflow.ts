import type { ServerResponse } from 'node:http'
import { type Credits, InvalidOptionError } from '@farebox/core'
import type { AuthenticatedKey } from '@farebox/ledger'
import { checkServiceConfiguration, type ServiceConfiguration } from '@farebox/router'
import { checkNames } from './check-names.ts'
import { CallerLeftError, WorkflowClosedError } from './errors.ts'
import type { Farebox } from './farebox.ts'
import type { Workflow, WorkflowOptions } from './workflow.ts'

/** What a mounted workflow is like. */
export interface MountOptions {
  /** The name that breakdowns count it under. */
  workflow: string
  /** @defaultValue the Farebox's */
  configuration?: ServiceConfiguration
  /** The most that one request may cost. @defaultValue no ceiling */
  maxCredits?: Credits
  /** Set aside before a request's first call. @defaultValue nothing: each call sets its own aside */
  reserve?: Credits
  /** Told of failures after the response was sent: then nobody else can be. @defaultValue nobody */
  onError?: (error: unknown) => void
}

const known: Record<keyof MountOptions, true> = {
  workflow: true,
  configuration: true,
  maxCredits: true,
  reserve: true,
  onError: true,
}

/** @throws {InvalidOptionError} the workflow has no name, an option is unknown, or its configuration is not whole */
export function checkMount(options: MountOptions): void {
  const { workflow, configuration } = options ?? {}
  if (typeof workflow !== 'string' || workflow === '') {
    throw new InvalidOptionError(
      "workflow is missing: farebox(box, { workflow: 'voice_chat' }) names what breakdowns count requests under",
    )
  }
  checkNames(options, known, 'farebox()')
  if (configuration !== undefined) checkServiceConfiguration(configuration)
}

/**
 * The workflow of one request: paid by the key that it carries, stopped when its client leaves, closed with its response. At once where
 * the key is remembered, which it mostly is: then the request waits for no promise.
 *
 * @returns rejects with {@link UnauthorizedError} when there is no key or it is not good, with {@link CallerLeftError} when the client
 * is gone already, and with {@link WorkflowClosedError} when the host has answered already
 */
export function mountWorkflow(
  box: Farebox,
  options: MountOptions,
  authorization: string | undefined,
  response: ServerResponse,
): Workflow | Promise<Workflow> {
  const caller = new Caller()
  let workflow: Workflow | undefined
  // Before the key is looked up, because a client may leave meanwhile.
  response.on('close', () => {
    if (!response.writableFinished) caller.leave()
    // What is begun after the response would be ended by nobody.
    const ending = workflow?.endIfUsed()
    if (ending) box.background(ending, options.onError)
  })
  const begin = (apiKey: AuthenticatedKey) => {
    // Its end was told before anybody listened, or comes before the work does: then nobody would stop it, or close it.
    if (response.writableEnded) throw new WorkflowClosedError('the response ended before the work began')
    if (response.destroyed) throw new CallerLeftError('the caller left before the work began')
    workflow = box.workflow(new MountedWorkflow(caller, apiKey, options))
    return workflow
  }
  const secret = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
  const known = secret === undefined ? undefined : box.ledger.knownKey(secret)
  return known ? begin(known) : box.authenticate(secret).then(begin)
}

/** Whoever waits for the response. Most requests end without anybody having asked for the signal, which is the dearest part of them. */
class Caller {
  hasLeft = false
  #controller: AbortController | undefined

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.hasLeft) this.#controller.abort()
    return this.#controller.signal
  }

  leave(): void {
    this.hasLeft = true
    this.#controller?.abort()
  }
}

/** What a mounted workflow is made of. A class, because an object with a getter takes as long to make as all else here. */
class MountedWorkflow implements WorkflowOptions {
  readonly accountId: string
  readonly apiKey: AuthenticatedKey
  readonly name: string
  readonly configuration: ServiceConfiguration | undefined
  readonly maxCredits: Credits | undefined
  readonly reserve: Credits | undefined
  readonly #caller: Caller

  constructor(
    caller: Caller,
    apiKey: AuthenticatedKey,
    options: Pick<MountOptions, 'workflow' | 'configuration' | 'maxCredits' | 'reserve'>,
  ) {
    this.accountId = apiKey.accountId
    this.apiKey = apiKey
    this.name = options.workflow
    this.configuration = options.configuration
    this.maxCredits = options.maxCredits
    this.reserve = options.reserve
    this.#caller = caller
  }

  get signal(): AbortSignal {
    return this.#caller.signal
  }
}
