import type { ServerResponse } from 'node:http'
import { type Credits, checkOptionNames, checkOptionType, describeOption, InvalidOptionError } from '@farebox/core'
import type { AuthenticatedKey } from '@farebox/ledger'
import { checkServiceConfiguration, type ServiceConfiguration } from '@farebox/router'
import { CallerLeftError, WorkflowClosedError } from './errors.ts'
import type { Farebox } from './farebox.ts'
import type { Workflow, WorkflowOptions } from './workflow.ts'

/** The options of a mounted workflow. */
export interface MountOptions {
  /** The name that breakdowns group it by. */
  workflow: string
  /** @defaultValue the Farebox's */
  configuration?: ServiceConfiguration
  /** The most that one request may cost. @defaultValue no ceiling */
  maxCredits?: Credits
  /** Credits to set aside before a request's first call. @defaultValue none: each call places its own hold */
  reserve?: Credits
  /**
   * Called with errors that occur after the response was sent.
   * @defaultValue the Farebox's `onError`, for workflows that could not be closed
   */
  onError?: (error: unknown) => void
}

const known: Record<keyof MountOptions, true> = {
  workflow: true,
  configuration: true,
  maxCredits: true,
  reserve: true,
  onError: true,
}

/**
 * @throws {InvalidOptionError} the workflow has no name, an option is unknown, an amount is none, or its configuration is incomplete
 *   or names an unknown provider
 */
export function checkMount(box: Farebox, options: MountOptions): void {
  const { workflow, configuration } = options ?? {}
  if (typeof workflow !== 'string' || workflow === '') {
    throw new InvalidOptionError(
      "workflow is missing: farebox(box, { workflow: 'voice_chat' }) names what breakdowns count requests under",
    )
  }
  checkOptionNames(options, known, 'farebox()')
  checkAmounts(options)
  checkOptionType('onError', options.onError, 'function')
  if (configuration === undefined) return
  checkServiceConfiguration(configuration)
  box.providerNames.check(configuration)
}

/** Otherwise each request would fail, and its caller be told of a field that the host set. */
function checkAmounts({ maxCredits, reserve }: MountOptions): void {
  const isAmount = (value: unknown) => typeof value === 'bigint' && value >= 0n
  const form = 'as bigint micro-credits: credits(5); received'
  if (maxCredits !== undefined && !isAmount(maxCredits))
    throw new InvalidOptionError(`maxCredits must be 0 or more, ${form} ${describeOption(maxCredits)}`)
  if (reserve === undefined) return
  if (!isAmount(reserve) || reserve === 0n)
    throw new InvalidOptionError(`reserve must be above 0, ${form} ${describeOption(reserve)}`)
  if (maxCredits !== undefined && reserve > maxCredits) throw new InvalidOptionError('reserve must not be above maxCredits')
}

/**
 * Creates the workflow of one request. The API key of the request pays for it, it stops when the client leaves, and it closes
 * with the response. Returns synchronously if the key is cached, as it usually is, so that the request need not await a promise.
 *
 * @returns throws or rejects with {@link UnauthorizedError} if the key is missing or invalid, with {@link CallerLeftError} if the
 * client has already left, and with {@link WorkflowClosedError} if the host has already answered
 */
export function mountWorkflow(
  box: Farebox,
  options: MountOptions,
  authorization: string | undefined,
  response: ServerResponse,
): Workflow | Promise<Workflow> {
  const caller = new Caller()
  let workflow: Workflow | undefined
  // Registered before the key is looked up, because the client may leave meanwhile.
  response.on('close', () => {
    // In HTTP/2, a response whose client has left calls itself finished, although nobody has ended it.
    if (!response.writableEnded || !response.writableFinished) caller.leave()
    // An unused workflow is abandoned: nothing would end work that begins after the response.
    const ending = workflow?.endIfUsed()
    if (ending) box.background(ending, options.onError)
  })
  const begin = (apiKey: AuthenticatedKey) => {
    // The response has already ended or closed, so nothing would stop or close the workflow.
    if (response.writableEnded) throw new WorkflowClosedError('the response ended before the work began')
    if (isClosed(response)) throw new CallerLeftError('the caller left before the work began')
    workflow = box.workflow(new MountedWorkflow(caller, apiKey, options))
    return workflow
  }
  const secret = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
  const known = secret === undefined ? undefined : box.ledger.knownKey(secret)
  return known ? begin(known) : box.authenticate(secret).then(begin)
}

/** A response of HTTP/2 is closed when its stream is. */
function isClosed({ destroyed, stream }: ServerResponse & { stream?: { destroyed: boolean } }): boolean {
  return destroyed || stream?.destroyed === true
}

/** The client of a request. Creates its signal lazily: most requests never use it, and it is their most expensive part. */
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

/**
 * The options of a mounted workflow. A class, because creating an object literal with a getter takes as long as everything else
 * here.
 */
export class MountedWorkflow implements WorkflowOptions {
  readonly accountId: string
  readonly apiKey: AuthenticatedKey
  readonly name: string
  readonly configuration?: ServiceConfiguration
  readonly maxCredits?: Credits
  readonly reserve?: Credits
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
