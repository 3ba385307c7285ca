import { formatQuantity, type Usage } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { writeWav } from '../adapter/wav.ts'
import { chatUsage, responseUsage, transcriptionUsage } from './openai-usage.ts'

const meters = (usage: Usage | undefined) =>
  Object.fromEntries((usage?.quantities ?? []).map(({ meter, quantity }) => [meter, formatQuantity(quantity)]))
const twoSeconds = writeWav(new Float32Array(16_000), 8_000)

describe('chatUsage', () => {
  it('takes cached and audio tokens out of the prompt, and reasoning and audio out of the completion', () => {
    const block = {
      prompt_tokens: 1_000,
      completion_tokens: 500,
      total_tokens: 1_500,
      prompt_tokens_details: { cached_tokens: 600, audio_tokens: 50, image_tokens: 85 },
      completion_tokens_details: { reasoning_tokens: 320, audio_tokens: 30, rejected_prediction_tokens: 10 },
    }
    const usage = chatUsage(block)
    expect(meters(usage)).toEqual({
      input: '350',
      cached_input: '600',
      audio_input: '50',
      output: '150',
      reasoning: '320',
      audio_output: '30',
    })
    expect(usage?.certainty).toBe('exact')
    expect(usage?.raw).toBe(block)
  })

  it('takes the totals alone, as derived, from a server whose parts exceed them', () => {
    const block = {
      prompt_tokens: 100,
      completion_tokens: 10,
      prompt_tokens_details: { cached_tokens: 90, audio_tokens: 40 },
      completion_tokens_details: { reasoning_tokens: 11 },
    }
    const usage = chatUsage(block)
    expect(meters(usage)).toEqual({ input: '100', output: '10' })
    expect(usage).toMatchObject({ certainty: 'derived', raw: block })
  })

  it('reports none as zero', () => {
    expect(meters(chatUsage({ prompt_tokens: 12, completion_tokens: 0 }))).toEqual({ input: '12', output: '0' })
  })

  it('says nothing when the provider said nothing, or only half', () => {
    expect(chatUsage(undefined)).toBeUndefined()
    expect(chatUsage(null)).toBeUndefined()
    expect(chatUsage({})).toBeUndefined()
    expect(chatUsage({ prompt_tokens: 12 })).toBeUndefined()
    expect(chatUsage({ prompt_tokens: 12, completion_tokens: -1 })).toBeUndefined()
    expect(chatUsage({ prompt_tokens: '12', completion_tokens: 3 })).toBeUndefined()
  })
})

describe('responseUsage', () => {
  const searched = { web_search: { num_requests: 3 } }

  it('keeps the searches where the tokens contradict each other, and the tokens where the searches are no count', () => {
    const usage = { input_tokens: 7, output_tokens: 3, output_tokens_details: { reasoning_tokens: 5 } }
    const told = responseUsage({ usage, tool_usage: searched })
    expect(meters(told)).toEqual({ input: '7', output: '3', web_searches: '3' })
    expect(told).toMatchObject({ certainty: 'derived', raw: usage })
    const counted = { input_tokens: 7, output_tokens: 3, output_tokens_details: { reasoning_tokens: 1 } }
    for (const num_requests of ['3', -1, 1e15]) {
      const clear = responseUsage({ usage: counted, tool_usage: { web_search: { num_requests } } })
      expect(meters(clear)).toEqual({ input: '7', output: '2', reasoning: '1' })
      expect(clear?.certainty).toBe('exact')
    }
  })
})

describe('transcriptionUsage', () => {
  it('is the duration that was reported', () => {
    const { usage, durationSeconds } = transcriptionUsage({ usage: { type: 'duration', seconds: 9.5 } }, twoSeconds)
    expect(durationSeconds).toBe(9.5)
    expect(meters(usage)).toEqual({ duration: '9.5' })
    expect(usage?.certainty).toBe('exact')
  })

  it('is read from the audio when only tokens were reported, and keeps these', () => {
    const block = {
      type: 'tokens',
      input_tokens: 30,
      input_token_details: { audio_tokens: 20 },
      output_tokens: 12,
      total_tokens: 42,
    }
    const { usage, durationSeconds } = transcriptionUsage({ usage: block }, twoSeconds)
    expect(durationSeconds).toBeUndefined()
    expect(meters(usage)).toEqual({ duration: '2' })
    expect(usage).toMatchObject({ certainty: 'derived', raw: block })
    expect(meters(transcriptionUsage({ usage: block }, new Uint8Array(9)).usage)).toEqual({
      input: '10',
      audio_input: '20',
      output: '12',
    })
  })

  it('says nothing when neither the provider nor the audio does', () => {
    expect(transcriptionUsage({}, new Uint8Array(9))).toEqual({})
  })
})
