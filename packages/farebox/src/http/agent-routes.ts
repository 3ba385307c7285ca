import { createHash } from 'node:crypto'
import type { ChatMessage } from '@farebox/core'
import { formatServiceConfiguration } from '@farebox/router'
import { InvalidAudioError } from '../errors.ts'
import { agent, callAnswer, chatAnswer, voiceAnswer } from './answers.ts'
import { customerKey } from './customer-key.ts'
import { parseFields } from './parse-fields.ts'
import { readUpload } from './read-upload.ts'
import { accountRoute, changed, type Route, SPENDING } from './route.ts'
import { runAgent, simulatedMark } from './run-agent.ts'
import { callBody, chatBody, createAgentBody, voiceFields } from './schemas.ts'
import { streamAgent } from './stream-agent.ts'

/** Asks for a short answer, since it is spoken. */
const VOICE_INSTRUCTIONS = 'Answer in one or two short sentences that can be read aloud. Use no lists, links or markup.'

export const agentRoutes: readonly Route[] = [
  accountRoute({
    method: 'post',
    path: '/api/v1/agent/create',
    operationId: 'createAgent',
    tag: 'agents',
    summary: 'Create an agent from a business adapter, its own settings, or both',
    body: createAgentBody,
    status: 201,
    answer: agent,
    async handle({ box, key, body, idempotencyKey }) {
      const made = await box.agents.create({
        accountId: key.accountId,
        businessAdapter: body.business_logic_adapter,
        serviceConfiguration: body.custom_settings?.service_configuration,
        idempotencyKey: customerKey(idempotencyKey),
      })
      const answer = {
        agent_id: made.agentId,
        business_logic_adapter: made.businessAdapter,
        service_configuration: formatServiceConfiguration(made.configuration),
      }
      return changed(201, answer, { idempotencyKey, replayed: made.replayed })
    },
  }),

  accountRoute({
    method: 'post',
    path: '/api/v1/agent/:id/chat',
    operationId: 'chatWithAgent',
    tag: 'agents',
    summary: 'Send a message or a conversation to an agent',
    body: chatBody,
    answer: chatAnswer,
    streams: {
      'text/event-stream':
        'With `stream`: each event is a ChatEvent, the last one of type `finish`. A failure is an event of type `error` with a Problem',
    },
    fails: SPENDING,
    async handle(call) {
      const { body } = call
      const { complexity, accuracy, max_output_tokens: outputTokensMax } = body
      const messages: ChatMessage[] = body.messages ?? [{ role: 'user', content: body.message ?? '' }]
      const input = { messages, complexity, accuracy, outputTokensMax }
      const run = { fields: { ...body }, name: body.workflow_name ?? 'chat', isOneCall: true }
      if (body.stream) return streamAgent(call, run, input)
      return runAgent(call, run, async (workflow) => {
        const answer = await workflow.chat(input)
        return { text: answer.text, provider: answer.provider, ...simulatedMark(answer.isSimulated) }
      })
    },
  }),

  accountRoute({
    method: 'post',
    path: '/api/v1/agent/:id/voice',
    operationId: 'talkToAgent',
    tag: 'agents',
    summary: 'Talk to an agent: send a recording as the multipart field `audio`, or as the whole body',
    form: { file: 'audio', fields: voiceFields, raw: 'audio/*' },
    answer: voiceAnswer,
    fails: SPENDING,
    async handle(call) {
      const upload = await readUpload(call, 'audio')
      if (upload.data.byteLength === 0) throw new InvalidAudioError('the audio is empty')
      const { language, voice, workflow_name } = parseFields(voiceFields, upload.fields)
      const fields = { audio: createHash('sha256').update(upload.data).digest('hex'), language, voice, workflow_name }
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
    operationId: 'callWithAgent',
    tag: 'agents',
    summary: 'Have an agent place a phone call. The answer comes when the call has ended',
    body: callBody,
    hasOwnTimeLimit: true,
    answer: callAnswer,
    fails: SPENDING,
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
