import type { ServerResponse } from 'node:http'
import type { Credits } from '@farebox/core'
import type { ServiceConfiguration } from '@farebox/router'
import { CallerLeftError } from './errors.ts'
import type { Farebox } from './farebox.ts'
import type { Workflow } from './workflow.ts'

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

/**
 * The workflow of one request: paid by the key that it carries, stopped when its client leaves, closed with its response.
 *
 * @throws {UnauthorizedError} there is no key, or it is not good
 * @throws {CallerLeftError} its client is gone already
 */
export async function mountWorkflow(
  box: Farebox,
  { workflow: name, configuration, maxCredits, reserve, onError }: MountOptions,
  authorization: string | undefined,
  response: ServerResponse,
): Promise<Workflow> {
  const caller = new AbortController()
  let workflow: Workflow | undefined
  // Before the key is looked up, because a client may leave meanwhile.
  response.once('close', () => {
    if (!response.writableFinished) caller.abort()
    if (workflow?.isOpened) box.background(workflow.end(), onError)
  })
  const secret = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
  workflow = await box.workflowOf(secret, { name, configuration, maxCredits, reserve, signal: caller.signal })
  if (caller.signal.aborted) throw new CallerLeftError('the caller left before the work began')
  return workflow
}
