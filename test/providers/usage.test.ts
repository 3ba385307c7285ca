import { formatQuantity, formatUsd, type Usage } from '@farebox/core'
import {
  anthropicUsage,
  deepgramSpeechUsage,
  deepgramUsage,
  elevenlabsSpeechUsage,
  elevenlabsTranscriptionUsage,
  mergeAnthropicUsage,
  openaiChatUsage,
  openaiEmbeddingUsage,
  openaiRealtimeUsage,
  openaiResponseUsage,
  openaiSpeechUsage,
  openaiTranscriptionUsage,
  twilioCallUsage,
} from '@farebox/providers/usage'
import { describe, expect, it, test } from 'vitest'
import { openapiValidator } from '../support/openapi-validator.ts'
import { hasSpec, readSpec, specTestName } from '../support/specs.ts'
import * as replies from './usage-replies.ts'

const buckets = (usage: Usage | undefined) =>
  usage && Object.fromEntries(usage.quantities.map(({ meter, quantity, unit }) => [meter, `${formatQuantity(quantity)} ${unit}`]))

describe('what providers reply becomes usage in buckets that do not overlap', () => {
  it.each<[string, Usage | undefined, Record<string, string>]>([
    [
      'an OpenAI chat: cached, written and audio tokens are within the prompt, reasoning within the completion',
      openaiChatUsage(replies.openaiChat.usage),
      {
        input: '900 tokens',
        cached_input: '1024 tokens',
        cache_write: '26 tokens',
        audio_input: '50 tokens',
        output: '136 tokens',
        reasoning: '64 tokens',
      },
    ],
    [
      'a chat with a Grok, whose reasoning is outside its completion, as its total says',
      openaiChatUsage(replies.grokUsageBlock),
      { input: '9992 tokens', cached_input: '128 tokens', output: '1499 tokens', reasoning: '2809 tokens' },
    ],
    [
      'a chat whose total is neither what its parts are nor what they are with the reasoning',
      openaiChatUsage({ ...replies.grokUsageBlock, completion_tokens: 3_000, total_tokens: 13_121 }),
      { input: '9992 tokens', cached_input: '128 tokens', output: '191 tokens', reasoning: '2809 tokens' },
    ],
    [
      'an OpenAI response',
      openaiResponseUsage(replies.openaiResponseUsageBlock),
      { input: '36 tokens', cached_input: '1920 tokens', cache_write: '44 tokens', output: '87 tokens', reasoning: '832 tokens' },
    ],
    [
      'an OpenAI response that searched the web',
      openaiResponseUsage({ input_tokens: 3, output_tokens: 2 }, { web_search: { num_requests: 2 } }),
      { input: '3 tokens', output: '2 tokens', web_searches: '2 requests' },
    ],
    [
      'an OpenAI realtime turn: audio, images and text, cached and not',
      openaiRealtimeUsage(replies.openaiRealtimeUsageBlock),
      {
        input: '55 tokens',
        cached_input: '64 tokens',
        cached_audio_input: '128 tokens',
        cached_image_input: '10 tokens',
        audio_input: '72 tokens',
        image_input: '30 tokens',
        output: '40 tokens',
        audio_output: '160 tokens',
      },
    ],
    ['an OpenAI transcription by duration', openaiTranscriptionUsage(replies.openaiDuration), { duration: '9.5 seconds' }],
    [
      'an OpenAI transcription by tokens',
      openaiTranscriptionUsage(replies.openaiTranscript),
      { input: '14 tokens', audio_input: '30 tokens', output: '45 tokens' },
    ],
    ['an OpenAI speech', openaiSpeechUsage(replies.openaiSpeechDone.usage), { input: '14 tokens', audio_output: '101 tokens' }],
    ['OpenAI embeddings', openaiEmbeddingUsage(replies.openaiEmbeddings.usage), { input: '8 tokens' }],
    [
      'an Anthropic message: the cache is counted apart from the input, by lifetime',
      anthropicUsage(replies.anthropicMessage.usage),
      {
        input: '21 tokens',
        cached_input: '188086 tokens',
        cache_write_5m: '456 tokens',
        cache_write_1h: '100 tokens',
        output: '293 tokens',
        reasoning: '100 tokens',
        web_searches: '2 requests',
      },
    ],
    ['a Deepgram transcription', deepgramUsage(replies.deepgramListen), { duration: '25.933313 seconds' }],
    ['the end of a live Deepgram transcription', deepgramUsage(replies.deepgramLiveMetadata), { duration: '63.2 seconds' }],
    ['a Deepgram speech', deepgramSpeechUsage('Hi 👋🏽', new Headers({ 'dg-char-count': '7' })), { characters: '7 characters' }],
    ['a Deepgram speech of Aura-2', deepgramSpeechUsage('Hi', { 'x-dg-characters': '2' }), { characters: '2 characters' }],
    [
      'an ElevenLabs speech: what is billed, which is not the text',
      elevenlabsSpeechUsage(new Headers({ 'Character-Cost': '27', 'request-id': 'r' })),
      { billed_characters: '27 characters' },
    ],
    ['an ElevenLabs transcription', elevenlabsTranscriptionUsage({ audioDurationSecs: 7.25 }), { duration: '7.25 seconds' }],
    ['a Twilio call', twilioCallUsage(replies.twilioCall).usage, { duration: '49 seconds' }],
    ['a Twilio callback', twilioCallUsage(replies.twilioCallback).usage, { duration: '49 seconds' }],
    ['a Twilio call that was busy', twilioCallUsage(replies.twilioBusy).usage, { duration: '0 seconds' }],
  ])('%s', (_, usage, expected) => {
    expect(buckets(usage)).toEqual(expected)
    expect(usage?.certainty).toBe('exact')
    expect(usage?.raw).toBeDefined()
  })

  it('a stream of Anthropic, whose end counts the whole answer', () => {
    const usage = anthropicUsage(mergeAnthropicUsage(replies.anthropicStart, replies.anthropicDelta))
    expect(buckets(usage)).toEqual({ input: '472 tokens', cache_write: '10 tokens', output: '89 tokens' })
  })

  it('what an Anthropic stream wrote to its cache after it had told the lifetimes', () => {
    const cache_creation = { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 300 }
    const start = { ...replies.anthropicStart, cache_creation_input_tokens: 300, cache_creation }
    const usage = anthropicUsage(mergeAnthropicUsage(start, { output_tokens: 89, cache_creation_input_tokens: 1_000 }))
    expect(buckets(usage)).toEqual({
      input: '472 tokens',
      cache_write: '700 tokens',
      cache_write_1h: '300 tokens',
      output: '89 tokens',
    })
  })

  it('several channels of Deepgram, at most each of them', () => {
    const usage = deepgramUsage(replies.deepgramTwoChannels)
    expect(buckets(usage)).toEqual({ duration: '20 seconds', input: '310 tokens', output: '42 tokens' })
    expect(usage?.certainty).toBe('ceiling')
  })

  it('what Twilio charged, once it says so', () => {
    const { cost } = twilioCallUsage(replies.twilioCall)
    expect(cost === undefined ? undefined : formatUsd(cost)).toBe('0.014')
    expect(twilioCallUsage({ ...replies.twilioCall, price: null }).cost).toBeUndefined()
    expect(twilioCallUsage({ ...replies.twilioCall, price_unit: 'EUR' }).cost).toBeUndefined()
  })
})

test.each<[string, Usage | undefined]>([
  ['OpenAI chat without usage', openaiChatUsage(undefined)],
  ['OpenAI chat, half a usage', openaiChatUsage({ prompt_tokens: 3 })],
  ['OpenAI chat, null as in every chunk but the last', openaiChatUsage(null)],
  ['OpenAI chat, zeros of a server that counts nothing', openaiChatUsage({ prompt_tokens: 0, completion_tokens: 0 })],
  ['OpenAI response', openaiResponseUsage({})],
  ['OpenAI response, zeros', openaiResponseUsage({ input_tokens: 0, output_tokens: 0, total_tokens: 0 })],
  ['OpenAI realtime', openaiRealtimeUsage(undefined)],
  ['OpenAI transcription as bare text', openaiTranscriptionUsage('hello')],
  ['OpenAI speech', openaiSpeechUsage(undefined)],
  ['OpenAI embeddings', openaiEmbeddingUsage({})],
  ['OpenAI embeddings, zeros', openaiEmbeddingUsage({ prompt_tokens: 0, total_tokens: 0 })],
  ['Anthropic', anthropicUsage({ output_tokens: 3 })],
  ['Anthropic, zeros', anthropicUsage({ input_tokens: 0, output_tokens: 0, cache_read_input_tokens: 0 })],
  ['Deepgram with a callback', deepgramUsage({ request_id: 'r' })],
  ['Deepgram speech without a header', deepgramSpeechUsage('Hi', { 'content-type': 'audio/mpeg' })],
  ['ElevenLabs without the header', elevenlabsSpeechUsage({ 'content-type': 'audio/mpeg' })],
  ['ElevenLabs transcription', elevenlabsTranscriptionUsage({ text: 'hi' })],
  ['Twilio, a call that goes on', twilioCallUsage({ ...replies.twilioCall, status: 'in-progress', duration: null }).usage],
  ['Twilio, completed without a duration', twilioCallUsage({ status: 'completed', duration: '' }).usage],
])('not reported stays undefined, never zero: %s', (_, usage) => {
  expect(usage).toBeUndefined()
})

test('zeros beside a count are counts: of an answer from the cache, without a word, or of searches alone', () => {
  expect(buckets(openaiChatUsage({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 7 }))).toMatchObject({
    output: '7 tokens',
  })
  expect(buckets(openaiResponseUsage({ input_tokens: 0, output_tokens: 0 }, { web_search: { num_requests: 2 } }))).toMatchObject({
    web_searches: '2 requests',
  })
  expect(buckets(anthropicUsage({ input_tokens: 0, output_tokens: 0, cache_read_input_tokens: 9 }))).toMatchObject({
    cached_input: '9 tokens',
  })
})

test('sound that a chat answers with is counted apart from its text', () => {
  const completion_tokens_details = { audio_tokens: 40, reasoning_tokens: 0 }
  const usage = openaiChatUsage({ prompt_tokens: 10, completion_tokens: 50, total_tokens: 60, completion_tokens_details })
  expect(usage?.quantities).toMatchObject([
    { meter: 'input', quantity: 10_000_000n },
    { meter: 'output', quantity: 10_000_000n },
    { meter: 'audio_output', quantity: 40_000_000n },
  ])
})

test('cache writes that are more by their lifetimes than in total are counted by their lifetimes', () => {
  const cache_creation = { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 20 }
  const usage = anthropicUsage({ input_tokens: 1, output_tokens: 2, cache_creation_input_tokens: 40, cache_creation })
  const counted = Object.fromEntries(usage?.quantities.map(({ meter, quantity }) => [meter, formatQuantity(quantity)]) ?? [])
  expect(counted).toMatchObject({ cache_write_5m: '30', cache_write_1h: '20' })
  expect(counted.cache_write ?? '0').toBe('0')
})

test('a call that was connected for less than a second is one second', () => {
  expect(twilioCallUsage({ status: 'completed', duration: '0' }).usage?.quantities).toMatchObject([{ quantity: 1_000_000n }])
  expect(twilioCallUsage({ status: 'no-answer', duration: '0' }).usage?.quantities).toMatchObject([{ quantity: 0n }])
})

test.each(['summary_info', 'sentiment_info', 'topics_info', 'intents_info'])('tokens that Deepgram tells in %s count', (info) => {
  const usage = deepgramUsage({ metadata: { duration: 1, [info]: { input_tokens: 30, output_tokens: 20 } } })
  expect(usage?.quantities.map(({ meter, quantity }) => `${formatQuantity(quantity)} ${meter}`)).toEqual([
    '1 duration',
    '30 input',
    '20 output',
  ])
})

test('what a Gemini thought is derived from the total of its chat, which alone tells of it', () => {
  const usage = openaiChatUsage({ prompt_tokens: 20, completion_tokens: 424, total_tokens: 1_016 })
  expect(buckets(usage)).toEqual({ input: '20 tokens', output: '996 tokens' })
  expect(usage?.certainty).toBe('derived')
})

test.each<[string, () => unknown, string]>([
  [
    'more cached than input',
    () => openaiChatUsage({ prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 6 } }),
    'cached_input of 6',
  ],
  [
    'more reasoning than output',
    () => openaiResponseUsage({ input_tokens: 1, output_tokens: 2, output_tokens_details: { reasoning_tokens: 3 } }),
    'reasoning of 3',
  ],
  [
    'more thinking than output',
    () => anthropicUsage({ input_tokens: 1, output_tokens: 2, output_tokens_details: { thinking_tokens: 3 } }),
    'reasoning of 3',
  ],
  [
    'more cached audio than cached',
    () =>
      openaiRealtimeUsage({
        input_tokens: 9,
        output_tokens: 1,
        input_token_details: { cached_tokens: 2, cached_tokens_details: { audio_tokens: 3 } },
      }),
    '-1 tokens of cached_input',
  ],
  ['a negative count', () => openaiChatUsage({ prompt_tokens: -1, completion_tokens: 1 }), 'prompt_tokens as -1'],
  ['no number', () => anthropicUsage({ input_tokens: Number.NaN, output_tokens: 1 }), 'input_tokens as NaN'],
  ['a fraction of a token', () => openaiSpeechUsage({ input_tokens: 1.5, output_tokens: 1 }), '1.5 tokens'],
  ['a text', () => openaiEmbeddingUsage({ prompt_tokens: '12' }), 'prompt_tokens as 12'],
  ['an endless recording', () => deepgramUsage({ metadata: { duration: Number.POSITIVE_INFINITY } }), 'duration as Infinity'],
  ['characters that are no number', () => deepgramSpeechUsage('Hi', { 'dg-char-count': 'two' }), 'dg-char-count as two'],
  ['a header that is no number', () => elevenlabsSpeechUsage({ 'character-cost': 'many' }), 'character-cost as many'],
  ['a duration that is no number', () => twilioCallUsage({ status: 'completed', duration: '1e3' }), 'duration as 1e3'],
  ['a price that is no number', () => twilioCallUsage({ ...replies.twilioCall, price: 'free' }), 'price as free'],
])('what cannot be is a typed error that names the field: %s', (_, extract, problem) => {
  expect(extract).toThrow(expect.objectContaining({ code: 'INVALID_USAGE' }))
  expect(extract).toThrow(problem)
})

const specifications = [
  [
    'openai.openapi.yaml.gz',
    [
      ['CreateChatCompletionResponse', replies.openaiChat],
      ['ResponseUsage', replies.openaiResponseUsageBlock],
      ['CreateTranscriptionResponseJson', replies.openaiDuration],
      ['CreateTranscriptionResponseJson', replies.openaiTranscript],
      ['SpeechAudioDoneEvent', replies.openaiSpeechDone],
      ['CreateEmbeddingResponse', replies.openaiEmbeddings],
    ],
  ],
  [
    'deepgram.openapi.yml.gz',
    [
      ['ListenV1Response', replies.deepgramListen],
      ['ListenV1Response', replies.deepgramTwoChannels],
    ],
  ],
  [
    'twilio_api_v2010.json.gz',
    [
      ['api.v2010.account.call', replies.twilioCall],
      ['api.v2010.account.call', replies.twilioBusy],
    ],
  ],
] as const

describe.each(specifications)('%s', (file, samples) => {
  it.skipIf(!hasSpec(file))(specTestName('allows the replies that are read here', file), () => {
    const invalid = openapiValidator(readSpec(file))
    for (const [schema, reply] of samples) expect(invalid(schema, reply)).toEqual([])
    expect(invalid(samples[0][0], { usage: 'none', metadata: 1, sid: 'x' })).not.toEqual([])
  })
})
