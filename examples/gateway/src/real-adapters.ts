import type { ProviderAdapter } from '@farebox/core'
import { anthropic } from '@farebox/providers/anthropic'
import { cartesia } from '@farebox/providers/cartesia'
import { deepgram } from '@farebox/providers/deepgram'
import { elevenlabs } from '@farebox/providers/elevenlabs'
import { livekit } from '@farebox/providers/livekit'
import { openai } from '@farebox/providers/openai'
import { type TwilioAdapter, twilio } from '@farebox/providers/twilio'
import { undiciFetch } from '@farebox/providers/undici-fetch'
import type { Environment } from './environment.ts'
import { STATUS_PATH } from './twilio-status.ts'

/** Every adapter, in the order in which to try them if nothing else decides. Those without keys are disabled. */
export interface RealAdapters {
  all: readonly ProviderAdapter[]
  twilio: TwilioAdapter
  /** The URL to which Twilio reports the status of calls; absent if it does not report. */
  statusCallbackUrl: string | undefined
}

/** Creates the adapters from the settings, without loading or sending anything. */
export function realAdapters(environment: Environment): RealAdapters {
  // All adapters share one connection pool.
  const fetch = undiciFetch()
  const publicUrl = environment.FAREBOX_PUBLIC_URL?.replace(/\/+$/, '')
  const statusCallbackUrl = publicUrl && `${publicUrl}${STATUS_PATH}`
  const phone = twilio({
    accountSid: environment.TWILIO_ACCOUNT_SID,
    authToken: environment.TWILIO_AUTH_TOKEN,
    from: environment.TWILIO_FROM,
    baseUrl: environment.TWILIO_BASE_URL,
    statusCallbackUrl,
  })
  return {
    twilio: phone,
    statusCallbackUrl: phone.availability.status === 'ready' ? statusCallbackUrl : undefined,
    all: [
      openai({ apiKey: environment.OPENAI_API_KEY, baseURL: environment.OPENAI_BASE_URL, fetch, transport: 'fetch' }),
      anthropic({ apiKey: environment.ANTHROPIC_API_KEY, baseURL: environment.ANTHROPIC_BASE_URL, fetch }),
      deepgram({ apiKey: environment.DEEPGRAM_API_KEY, baseUrl: environment.DEEPGRAM_BASE_URL, fetch }),
      cartesia({ apiKey: environment.CARTESIA_API_KEY, baseURL: environment.CARTESIA_BASE_URL, fetch }),
      elevenlabs({ apiKey: environment.ELEVENLABS_API_KEY, baseUrl: environment.ELEVENLABS_BASE_URL, fetch }),
      phone,
      livekit({
        url: environment.LIVEKIT_URL,
        apiKey: environment.LIVEKIT_API_KEY,
        apiSecret: environment.LIVEKIT_API_SECRET,
      }),
    ],
  }
}
