import { exerciseProviderAdapter } from '@farebox/providers/conformance'
import { vi } from 'vitest'
import { at, failureKinds, openOpenai, SECRET } from './openai-harness.ts'

// What a host has that installed version 6: both names lead there.
vi.mock('openai', () => import('openai6'))
vi.mock('openai/realtime/ws', () => import('openai6/realtime/ws'))

exerciseProviderAdapter('openai, SDK 6 that it loads by itself', () => openOpenai(at), {
  methods: ['chat', 'streamChat', 'transcribe', 'speak', 'streamSpeech', 'converse', 'embed'],
  failureKinds,
  secrets: [SECRET],
})
