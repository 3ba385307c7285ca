import type OpenAI from 'openai'

/** What the loopback is told to answer a chat with; what is absent is made up from the request. */
export interface ChatAnswer {
  text?: string
  /** Whether the text is what the model declines with. */
  isRefusal?: boolean
  toolCalls?: readonly { id: string; name: string; arguments: string }[]
  finishReason?: OpenAI.ChatCompletion.Choice['finish_reason']
  /** The model that answers. @defaultValue the model asked for */
  model?: string
  promptTokens?: number
  /** Of the prompt's tokens. */
  cachedTokens?: number
  audioTokens?: number
  completionTokens?: number
  /** Of the completion's tokens. */
  reasoningTokens?: number
}

/** A chat as it was asked for. */
export interface ChatAsked {
  model: string
  messages: readonly { role: string; content?: unknown }[]
  stream: boolean
}

/** What the loopback is told to answer a transcription with. */
export interface TranscriptionAnswer {
  text?: string
  /** Length of the audio. @defaultValue what its WAV header says, else one second per 16 kB */
  seconds?: number
  /** Bills by tokens instead of by duration, as gpt-4o-transcribe does. */
  tokens?: { input: number; audio: number; output: number }
  language?: string
}

/** A chat's answer, all filled in. */
export interface ResolvedChat {
  id: string
  model: string
  text: string
  isRefusal: boolean
  toolCalls: readonly { id: string; name: string; arguments: string }[]
  finishReason: OpenAI.ChatCompletion.Choice['finish_reason']
  usage: OpenAI.CompletionUsage
}

/** Fills in what `answer` leaves open: a sentence about the last message, and four characters to a token. */
export function resolveChat(id: string, asked: ChatAsked, answer: ChatAnswer): ResolvedChat {
  const last = asked.messages.findLast((message) => message.role === 'user')?.content
  const toolCalls = answer.toolCalls ?? []
  const text = answer.text ?? (toolCalls.length > 0 ? '' : `You said: ${typeof last === 'string' ? last : 'several things'}`)
  const prompt = answer.promptTokens ?? countTokens(JSON.stringify(asked.messages))
  const completion = answer.completionTokens ?? countTokens(text)
  return {
    id,
    model: answer.model ?? asked.model,
    text,
    isRefusal: answer.isRefusal ?? false,
    toolCalls,
    finishReason: answer.finishReason ?? (toolCalls.length > 0 ? 'tool_calls' : 'stop'),
    usage: {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      prompt_tokens_details: { cached_tokens: answer.cachedTokens ?? 0, audio_tokens: answer.audioTokens ?? 0 },
      completion_tokens_details: {
        reasoning_tokens: answer.reasoningTokens ?? 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
  }
}

/** The body of a plain chat completion. */
export function chatCompletion(chat: ResolvedChat): OpenAI.ChatCompletion {
  return {
    id: chat.id,
    object: 'chat.completion',
    created: 1_795_000_000,
    model: chat.model,
    choices: [
      {
        index: 0,
        logprobs: null,
        finish_reason: chat.finishReason,
        message: {
          role: 'assistant',
          content: chat.toolCalls.length > 0 || chat.isRefusal ? null : chat.text,
          refusal: chat.isRefusal ? chat.text : null,
          annotations: [],
          ...(chat.toolCalls.length > 0 ? { tool_calls: chat.toolCalls.map(toolCall) } : {}),
        },
      },
    ],
    usage: chat.usage,
    service_tier: 'default',
    system_fingerprint: 'fp_loopback',
  } satisfies OpenAI.ChatCompletion
}

/** The chunks of a streamed chat completion, the one with the usage last when it was asked for. */
export function chatChunks(chat: ResolvedChat, includeUsage: boolean): OpenAI.ChatCompletionChunk[] {
  const usage = includeUsage ? { usage: null } : {}
  const chunk = (
    delta: OpenAI.ChatCompletionChunk.Choice.Delta,
    finish_reason: OpenAI.ChatCompletionChunk.Choice['finish_reason'] = null,
  ): OpenAI.ChatCompletionChunk => ({
    ...envelope(chat),
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    ...usage,
  })
  return [
    chunk({ role: 'assistant', content: '', refusal: null }),
    ...(chat.text.match(/\S+\s*/g) ?? []).map((said) => chunk(chat.isRefusal ? { refusal: said } : { content: said })),
    ...chat.toolCalls.flatMap(({ id, name, arguments: text }, index) => [
      chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] }),
      chunk({ tool_calls: [{ index, function: { arguments: text } }] }),
    ]),
    chunk({}, chat.finishReason),
    ...(includeUsage ? [{ ...envelope(chat), choices: [], usage: chat.usage }] : []),
  ]
}

/** The body of a transcription, in the format that was asked for. */
export function transcription(answer: TranscriptionAnswer & { text: string; seconds: number }, isVerbose: boolean) {
  const usage = answer.tokens
    ? ({
        type: 'tokens',
        input_tokens: answer.tokens.input,
        input_token_details: { audio_tokens: answer.tokens.audio, text_tokens: answer.tokens.input - answer.tokens.audio },
        output_tokens: answer.tokens.output,
        total_tokens: answer.tokens.input + answer.tokens.output,
      } satisfies OpenAI.Audio.Transcription.Tokens)
    : ({ type: 'duration', seconds: answer.seconds } satisfies OpenAI.Audio.Transcription.Duration)
  if (!isVerbose) return { text: answer.text, usage } satisfies OpenAI.Audio.Transcription
  return {
    language: answer.language ?? 'english',
    duration: answer.seconds,
    text: answer.text,
    segments: [],
    usage: { type: 'duration', seconds: answer.seconds },
  } satisfies OpenAI.Audio.TranscriptionVerbose
}

/** An error as OpenAI words it. */
export function errorBody(message: string, type: string, code: string | null, param: string | null = null) {
  return { error: { message, type, param, code } }
}

/** Four characters to a token, and at least one. */
export function countTokens(text: string): number {
  return Math.max(1, Math.ceil([...text].length / 4))
}

function envelope(chat: ResolvedChat) {
  return {
    id: chat.id,
    object: 'chat.completion.chunk',
    created: 1_795_000_000,
    model: chat.model,
    service_tier: 'default',
    system_fingerprint: 'fp_loopback',
  } as const
}

function toolCall({ id, name, arguments: text }: ResolvedChat['toolCalls'][number]): OpenAI.ChatCompletionMessageToolCall {
  return { id, type: 'function', function: { name, arguments: text } }
}
