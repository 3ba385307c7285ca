import { expect, it } from 'vitest'
import { encodingOf, type TokenEncoding } from './token-encoding.ts'

const models: Record<TokenEncoding | 'none', readonly string[]> = {
  o200k_base: [
    'gpt-4o',
    'gpt-4o-mini-2024-07-18',
    'chatgpt-4o-latest',
    'gpt-4.1-nano',
    'gpt-4.5-preview',
    'gpt-5',
    'gpt-5.4-mini',
    'gpt-oss-120b',
    'gpt-realtime',
    'gpt-audio-mini',
    'o1',
    'o3-mini',
    'o4-mini-2025-04-16',
    'codex-mini-latest',
    'computer-use-preview',
  ],
  cl100k_base: [
    'gpt-4',
    'gpt-4-0613',
    'gpt-4-turbo-2024-04-09',
    'gpt-3.5-turbo',
    'gpt-3.5-turbo-instruct',
    'text-embedding-3-small',
    'text-embedding-3-large',
    'text-embedding-ada-002',
  ],
  none: [
    'claude-3-haiku',
    'gemini-3-flash',
    // Newer, or older, than what is known.
    'gpt-6',
    'gpt-4.0',
    'gpt-40',
    'gpt-3.50',
    'o2',
    'o1x',
    'o10',
    'davinci-002',
    // What only ends or goes on like a name that is known.
    'my-gpt-4o',
    'not-o1',
    'not-gpt-4',
    // Google's and Alibaba's, whose vocabularies are others.
    'text-embedding-004',
    'text-embedding-v3',
    '',
  ],
}

it.each(Object.entries(models))('%s is the encoding of its models, however they are written', (encoding, names) => {
  const expected = encoding === 'none' ? undefined : encoding
  for (const name of names) {
    // The second time it is remembered.
    for (const _ of [1, 2]) expect(encodingOf(name), name).toBe(expected)
    expect(encodingOf(name.toUpperCase()), name).toBe(expected)
    expect(encodingOf(`openai/${name}`), name).toBe(expected)
    expect(encodingOf(`openrouter/openai/${name}`), name).toBe(expected)
    expect(encodingOf(`ft:${name}:acme::8abc`), name).toBe(expected)
  }
})

it('a mark within a name is none, and neither is a vendor that is called like a model', () => {
  expect(encodingOf('gpt-ft:4o')).toBeUndefined()
  expect(encodingOf('gpt-4o/llama-3')).toBeUndefined()
})

it('stays right after more models than are remembered', () => {
  for (let count = 0; count < 2_500; count += 1) expect(encodingOf(`gpt-4-${count}`)).toBe('cl100k_base')
  expect(encodingOf('gpt-4o')).toBe('o200k_base')
  expect(encodingOf('claude-3-haiku')).toBeUndefined()
})
