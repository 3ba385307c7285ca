import { createHash } from 'node:crypto'
import { type ChatMessage, isFareboxError } from '@farebox/core'
import { formatServiceConfiguration } from '@farebox/router'
import type { Agent } from '../agents.ts'
import { InvalidAudioError } from '../errors.ts'
import { withoutCosts } from '../receipt.ts'
import type { Workflow } from '../workflow.ts'
import { readUpload } from './read-upload.ts'
import { type AccountCall, accountRoute, JsonAnswer, type Route } from './route.ts'
import { ChargedRunError, runOnce } from './run-once.ts'
import { callBody, chatBody, createAgentBody } from './schemas.ts'

/** How an agent answers what it hears: briefly, since it is spoken. */
const VOICE_INSTRUCTIONS = 'Answer in one or two short sentences that can be read aloud. Use no lists, links or markup.'

export const agentRoutes: readonly Route[] = [
  accountRoute({
    method: 'post',
    path: '/api/v1/agent/create',
    summary: 'Make an agent from a business adapter and settings of its own',
    body: createAgentBody,
    status: 201,
    async handle({ box, key, body, idempotencyKey }) {
      const agent = await box.agents.create({
        accountId: key.accountId,
        businessAdapter: body.business_logic_adapter,
        serviceConfiguration: body.custom_settings?.service_configuration,
        idempotencyKey,
      })
      return new JsonAnswer(201, {
        agent_id: agent.agentId,
        business_logic_adapter: agent.businessAdapter,
        service_configuration: formatServiceConfiguration(agent.configuration),
      })
    },
  }),

  accountRoute({
    method: 'post',
    path: '/api/v1/agent/:id/chat',
    summary: 'Ask an agent in writing',
    body: chatBody,
    async handle(call) {
      const { body } = call
      return runAgent(call, { fields: { ...body }, name: body.workflow_name ?? 'chat' }, async (workflow) => {
        const messages = (body.messages ?? [{ role: 'user', content: body.message ?? '' }]) as ChatMessage[]
        const { complexity, accuracy, max_output_tokens: outputTokensMax } = body
        const answer = await workflow.chat({ messages, complexity, accuracy, outputTokensMax })
        return { text: answer.text, provider: answer.provider, ...simulatedMark(answer.isSimulated) }
      })
    },
  }),

  accountRoute({
    method: 'post',
    path: '/api/v1/agent/:id/voice',
    summary: 'Ask an agent by voice: multipart field `audio`, or the audio as the body',
    async handle(call) {
      const upload = await readUpload(call.request, 'audio')
      if (upload.data.byteLength === 0) throw new InvalidAudioError('the audio is empty')
      const { language, voice, workflow_name } = upload.fields
      const fields = { audio: createHash('sha256').update(upload.data).digest('hex'), language, voice }
      return runAgent(call, { fields, name: workflow_name ?? 'voice_chat' }, async (workflow) => {
        const transcript = await workflow.transcribe({ audio: upload.data, language })
        const answer = await workflow.chat({
          messages: [
            { role: 'system', content: VOICE_INSTRUCTIONS },
            { role: 'user', content: transcript.text },
          ],
        })
        const speech = await workflow.speak({ text: answer.text, voice })
        return {
          transcript: transcript.text,
          text: answer.text,
          audio: Buffer.from(speech.audio).toString('base64'),
          audio_format: speech.format,
          ...simulatedMark(transcript.isSimulated || answer.isSimulated || speech.isSimulated),
        }
      })
    },
  }),

  accountRoute({
    method: 'post',
    path: '/api/v1/agent/:id/call',
    summary: 'Let an agent call a telephone; answers when the call has ended',
    body: callBody,
    async handle(call) {
      const { to, from, message, url, max_minutes, workflow_name } = call.body
      const run = { fields: { ...call.body }, name: workflow_name ?? 'phone_call', isRepeatable: false }
      return runAgent(call, run, async (workflow) => {
        const answer = await workflow.call({
          to,
          from,
          instructions: url === undefined ? { type: 'say', text: message ?? '' } : { type: 'url', url },
          durationSecondsMax: Math.round(max_minutes * 60),
        })
        return {
          call_id: answer.callId,
          status: answer.status,
          duration_seconds: answer.durationSeconds,
          ...simulatedMark(answer.isSimulated),
        }
      })
    },
  }),
]

/** Runs one workflow as an agent, and adds its receipt to the answer. */
async function runAgent(
  { box, key, parameters, request, idempotencyKey }: AccountCall<unknown, unknown>,
  { fields, name, isRepeatable }: { fields: Record<string, unknown>; name: string; isRepeatable?: boolean },
  work: (workflow: Workflow) => Promise<Record<string, unknown>>,
): Promise<unknown> {
  const agent: Agent = await box.agents.find(key.accountId, parameters.id ?? '')
  const run = { accountId: key.accountId, idempotencyKey, fields: { agent_id: agent.agentId, ...fields }, isRepeatable }
  return runOnce(box, run, async (workflowId) => {
    const workflow = box.workflow({
      workflowId,
      accountId: key.accountId,
      name,
      configuration: agent.configuration,
      businessAdapter: agent.businessAdapter ?? undefined,
      apiKey: key,
      signal: request.signal,
    })
    try {
      const answer = await work(workflow)
      return { ...answer, receipt: withoutCosts(await workflow.close()) }
    } catch (error) {
      throw await giveUp(workflow, error)
    }
  })
}

/**
 * Ends a workflow whose work came to nothing. What it charged is given back, unless the caller was the reason: who sends what no
 * provider takes, leaves, or runs out of credits half-way has had what came before.
 */
async function giveUp(workflow: Workflow, error: unknown): Promise<unknown> {
  if (!workflow.isOpened) return error
  const isCallers = isFareboxError(error) && CALLERS_REASONS.has(error.code)
  try {
    if (!isCallers) await workflow.refund('the run failed')
    const { total_credits_used } = await workflow.close()
    return total_credits_used > 0 ? new ChargedRunError(error) : error
  } catch {
    // The store is away: what was charged stays charged, and the run must not be begun again under its key.
    return new ChargedRunError(error)
  }
}

const CALLERS_REASONS: ReadonlySet<string> = new Set([
  'REQUEST_REJECTED',
  'CALLER_LEFT',
  'INSUFFICIENT_CREDITS',
  'BUDGET_EXCEEDED',
  'REQUEST_LIMIT',
  'SERVICE_NOT_ALLOWED',
])

/** Nobody should take a made-up answer for a real one. */
function simulatedMark(isSimulated: boolean): { simulated?: true } {
  return isSimulated ? { simulated: true } : {}
}
