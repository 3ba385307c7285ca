/** Replies as the providers send them, cut down to what their published specifications require. */

export const openaiChat = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_795_000_000,
  model: 'gpt-4o-mini-2024-07-18',
  choices: [
    { index: 0, finish_reason: 'stop', logprobs: null, message: { role: 'assistant', content: 'At nine.', refusal: null } },
  ],
  usage: {
    prompt_tokens: 2_000,
    completion_tokens: 200,
    total_tokens: 2_200,
    prompt_tokens_details: {
      cached_tokens: 1_024,
      cache_write_tokens: 26,
      audio_tokens: 50,
      image_tokens: 85,
      text_tokens: 1_865,
    },
    completion_tokens_details: {
      reasoning_tokens: 64,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 10,
    },
  },
}

/** Of xAI's API, as https://github.com/Wei-Shaw/sub2api/issues/5771 tells it, where it cost as much as all four of its parts. */
export const grokUsageBlock = {
  prompt_tokens: 10_120,
  completion_tokens: 1_499,
  total_tokens: 14_428,
  prompt_tokens_details: { cached_tokens: 128 },
  completion_tokens_details: { reasoning_tokens: 2_809 },
}

export const openaiResponseUsageBlock = {
  input_tokens: 2_000,
  input_tokens_details: { cached_tokens: 1_920, cache_write_tokens: 44 },
  output_tokens: 919,
  output_tokens_details: { reasoning_tokens: 832 },
  total_tokens: 2_919,
}

export const openaiRealtimeUsageBlock = {
  total_tokens: 559,
  input_tokens: 359,
  output_tokens: 200,
  input_token_details: {
    cached_tokens: 202,
    text_tokens: 119,
    audio_tokens: 200,
    image_tokens: 40,
    cached_tokens_details: { text_tokens: 64, audio_tokens: 128, image_tokens: 10 },
  },
  output_token_details: { text_tokens: 40, audio_tokens: 160 },
}

export const openaiDuration = { text: 'When do you open?', usage: { type: 'duration', seconds: 9.5 } }

export const openaiTranscript = {
  text: 'When do you open?',
  usage: {
    type: 'tokens',
    input_tokens: 44,
    input_token_details: { text_tokens: 14, audio_tokens: 30 },
    output_tokens: 45,
    total_tokens: 89,
  },
}

export const openaiSpeechDone = {
  type: 'speech.audio.done',
  usage: { input_tokens: 14, output_tokens: 101, total_tokens: 115 },
}

export const openaiEmbeddings = {
  object: 'list',
  model: 'text-embedding-3-small',
  data: [{ object: 'embedding', index: 0, embedding: [0.1, -0.2] }],
  usage: { prompt_tokens: 8, total_tokens: 8 },
}

export const anthropicMessage = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-3-haiku-20240307',
  content: [{ type: 'text', text: 'At nine.' }],
  stop_reason: 'end_turn',
  usage: {
    input_tokens: 21,
    cache_creation_input_tokens: 556,
    cache_read_input_tokens: 188_086,
    cache_creation: { ephemeral_5m_input_tokens: 456, ephemeral_1h_input_tokens: 100 },
    output_tokens: 393,
    output_tokens_details: { thinking_tokens: 100 },
    server_tool_use: { web_search_requests: 2 },
    service_tier: 'standard',
  },
}

export const anthropicStart = {
  input_tokens: 472,
  cache_creation_input_tokens: 10,
  cache_read_input_tokens: 0,
  cache_creation: null,
  output_tokens: 2,
}
export const anthropicDelta = { output_tokens: 89, input_tokens: null, server_tool_use: null }

const channel = { alternatives: [{ transcript: 'When do you open?', confidence: 0.99, words: [] }] }
const model = { '30089e05-99d1-4376-b32e-c263170674af': { name: 'general-nova-3', version: '2025-04-17.21547', arch: 'nova-3' } }

export const deepgramListen = {
  metadata: {
    transaction_key: 'deprecated',
    request_id: '2479c8c8-8185-40ac-9ac6-f0874419f793',
    sha256: '154e291ecfa8be6ab8343560bcc109008fa7853eb5372533e8efdefc9b504c33',
    created: '2026-11-20T18:00:00.000Z',
    duration: 25.933313,
    channels: 1,
    models: ['30089e05-99d1-4376-b32e-c263170674af'],
    model_info: model,
  },
  results: { channels: [channel] },
}

export const deepgramTwoChannels = {
  metadata: {
    ...deepgramListen.metadata,
    duration: 10,
    channels: 2,
    summary_info: { model_uuid: '67875a7f-c9c4-48a0-aa55-5bdb8a91c34a', input_tokens: 160, output_tokens: 42 },
    topics_info: { model_uuid: '80ab3179-d113-4254-bd6b-4a2f96498695', input_tokens: 150, output_tokens: 0 },
  },
  results: { channels: [channel, channel] },
}

export const deepgramLiveMetadata = {
  type: 'Metadata',
  transaction_key: 'deprecated',
  request_id: '2479c8c8-8185-40ac-9ac6-f0874419f793',
  sha256: '154e291ecfa8be6ab8343560bcc109008fa7853eb5372533e8efdefc9b504c33',
  created: '2026-11-20T18:00:00.000Z',
  duration: 63.2,
  channels: 1,
}

export const twilioCall = {
  sid: `CA${'a'.repeat(32)}`,
  account_sid: `AC${'a'.repeat(32)}`,
  status: 'completed',
  direction: 'outbound-api',
  from: '+15017122661',
  to: '+15558675310',
  duration: '49',
  price: '-0.01400',
  price_unit: 'USD',
}

export const twilioBusy = { ...twilioCall, status: 'busy', duration: null, price: null }

/** A status callback, whose form says the seconds and the billed minutes. */
export const twilioCallback = {
  CallSid: `CA${'a'.repeat(32)}`,
  CallStatus: 'completed',
  CallDuration: '49',
  Duration: '1',
  SequenceNumber: '3',
}
