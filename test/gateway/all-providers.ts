import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startAnthropicLoopback } from '../loopback/anthropic.ts'
import { startCartesiaLoopback } from '../loopback/cartesia.ts'
import { startDeepgramLoopback } from '../loopback/deepgram.ts'
import { startElevenlabsLoopback } from '../loopback/elevenlabs.ts'
import { startOpenaiLoopback } from '../loopback/openai.ts'
import { startTwilioLoopback } from '../loopback/twilio.ts'
import { createPatientServer } from '../support/patient-server.ts'

export type AllProviders = Awaited<ReturnType<typeof startAllProviders>>

/** Every provider on this machine, with the settings that point a gateway at them. Its phone calls go on only when they are told to. */
export async function startAllProviders() {
  const [openai, anthropic, deepgram, cartesia, elevenlabs, twilio] = await Promise.all([
    startOpenaiLoopback(),
    startAnthropicLoopback(),
    startDeepgramLoopback(),
    startCartesiaLoopback(),
    startElevenlabsLoopback(),
    // A price that the default cost book does not have, told at the third look.
    startTwilioLoopback({ goesOnByItself: false, rate: 2_750, looksBeforePrice: 2 }),
  ])
  const all = { openai, anthropic, deepgram, cartesia, elevenlabs, twilio }
  return {
    ...all,
    settings: {
      OPENAI_API_KEY: openai.apiKey,
      OPENAI_BASE_URL: openai.url,
      ANTHROPIC_API_KEY: anthropic.apiKey,
      ANTHROPIC_BASE_URL: anthropic.url,
      DEEPGRAM_API_KEY: deepgram.apiKey,
      DEEPGRAM_BASE_URL: deepgram.url,
      CARTESIA_API_KEY: cartesia.apiKey,
      CARTESIA_BASE_URL: cartesia.url,
      ELEVENLABS_API_KEY: elevenlabs.apiKey,
      ELEVENLABS_BASE_URL: elevenlabs.url,
      TWILIO_ACCOUNT_SID: twilio.accountSid,
      TWILIO_AUTH_TOKEN: twilio.authToken,
      TWILIO_BASE_URL: twilio.url,
      TWILIO_FROM: '+15557654321',
    },
    close: () => Promise.all(Object.values(all).map((loopback) => loopback.close())),
  }
}

/** A proxy with an address that is known before the gateway starts: what Twilio sees of it. */
export interface PublicSite {
  url: string
  /** Hands requests on to a gateway. */
  lead(gatewayUrl: string): void
  close(): Promise<void>
}

/** Starts a proxy in front of a gateway that is yet to start. */
export async function startPublicSite(): Promise<PublicSite> {
  let gatewayUrl = ''
  const server: Server = createPatientServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { 'x-twilio-signature': signature, 'content-type': type = '' } = request.headers
    const answer = await fetch(gatewayUrl + request.url, {
      method: 'POST',
      headers: { 'content-type': type, ...(signature && { 'x-twilio-signature': String(signature) }) },
      body: Buffer.concat(chunks),
    })
    response.writeHead(answer.status).end(await answer.text())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lead: (url) => {
      gatewayUrl = url
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
