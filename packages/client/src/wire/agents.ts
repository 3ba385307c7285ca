import type { ServiceConfiguration } from './configuration.ts'
import type { Receipt } from './receipts.ts'

/** A new agent: a use case, and changes to it. */
export interface CreateAgentRequest {
  /** The use case that it starts from: `emergencyservices`, `languagelearning`, or a team's own. */
  business_logic_adapter?: string
  custom_settings?: {
    /** The fields that differ from the use case. */
    service_configuration?: Partial<ServiceConfiguration>
  }
}

/** An agent, with its resolved configuration. */
export interface Agent {
  agent_id: string
  business_logic_adapter: string | null
  service_configuration: ServiceConfiguration
}

/** One message of a conversation with an agent. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** A request to an agent: one message, or a conversation. */
export type ChatRequest = ({ message: string; messages?: undefined } | { messages: ChatMessage[]; message?: undefined }) & {
  /** The name that breakdowns group it under. @defaultValue `chat` */
  workflow_name?: string
  complexity?: 'low' | 'medium' | 'high'
  accuracy?: 'standard' | 'high'
  /** @defaultValue 1024 */
  max_output_tokens?: number
}

/** What every answer of an agent contains. */
export interface AgentAnswer {
  receipt: Receipt
  /** Present if a simulated provider made up the answer. */
  simulated?: true
}

/** An agent's answer in text. */
export interface ChatAnswer extends AgentAnswer {
  text: string
  /** The wire name of the provider that answered. */
  provider: string
}

/** An event of a streamed answer. */
export type ChatEvent =
  | {
      type: 'text'
      /** The next piece of the text. */
      text: string
    }
  | (AgentAnswer & {
      type: 'finish'
      /** The wire name of the provider that answered. */
      provider: string
    })

/** A recording for an agent to answer. */
export interface VoiceRequest {
  /** The recording, in any common container. A stream is read to its end before it is sent. */
  audio: Blob | Uint8Array | ArrayBuffer | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>
  /** ISO 639-1 code of the language that is spoken. @defaultValue detected */
  language?: string
  /** The voice that answers. @defaultValue the provider's own default */
  voice?: string
  /** The name that breakdowns group it under. @defaultValue `voice_chat` */
  workflow_name?: string
}

/** What an agent heard and said. */
export interface VoiceAnswer extends AgentAnswer {
  /** What was said to the agent. */
  transcript: string
  /** What it answered. */
  text: string
  /** The spoken answer, in Base64. */
  audio: string
  audio_format: string
}

/** A telephone call to place. It speaks a message, or follows the instructions at a URL. */
export type CallRequest = ({ message: string; url?: undefined } | { url: string; message?: undefined }) & {
  /** E.164: `+15551234567`. */
  to: string
  from?: string
  /** @defaultValue 10 */
  max_minutes?: number
  /** The name that breakdowns group it under. @defaultValue `phone_call` */
  workflow_name?: string
}

/** How a telephone call went. */
export interface CallAnswer extends AgentAnswer {
  call_id: string
  status: string
  duration_seconds: number
}
