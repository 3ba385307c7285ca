import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import twilio from 'twilio'
import { Handset } from './handset.ts'

export interface SimulatedTwilioOptions {
  accountSid: string
  authToken: string
  /** The public URL that the agent expects, and that Twilio signs. */
  site: string
  /** The agent's real address: `http://127.0.0.1:1234`. */
  address(): string
}

/** Plays Twilio's part in one call after another, without a telephone: webhooks, the media stream, and the API that hangs up. */
export class SimulatedTwilio {
  readonly #options: SimulatedTwilioOptions
  readonly #server: Server
  #handset: Handset | undefined
  #calls = 0

  private constructor(options: SimulatedTwilioOptions) {
    this.#options = options
    this.#server = createServer((request, response) => {
      if (request.method === 'POST') this.#handset?.hangUp()
      const status = this.#handset?.hasEnded ? 'completed' : 'in-progress'
      const call = {
        sid: this.#handset?.callId,
        status,
        duration: String(this.#handset?.seconds),
        price: null,
        price_unit: 'USD',
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(call))
    })
  }

  static async start(options: SimulatedTwilioOptions): Promise<SimulatedTwilio> {
    const simulated = new SimulatedTwilio(options)
    simulated.#server.listen(0, '127.0.0.1')
    await once(simulated.#server, 'listening')
    return simulated
  }

  /** The address of its API. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Calls the agent, with `talk` as the caller. Resolves when the agent knows that the call is over. */
  async call(numbers: { from: string; to: string }, talk: (handset: Handset) => Promise<void>): Promise<void> {
    this.#calls += 1
    const callId = `CA${String(this.#calls).padStart(32, '0')}`
    const form = { CallSid: callId, From: numbers.from, To: numbers.to, Direction: 'inbound' }
    const twiml = await this.#post('/voice', { ...form, CallStatus: 'ringing' })
    const url = /<Stream url="([^"]+)"/.exec(twiml)?.[1]
    if (url === undefined) return
    const { address, authToken } = this.#options
    const signature = twilio.getExpectedTwilioSignature(authToken, url, {})
    const handset = new Handset(callId, `${address().replace('http', 'ws')}${new URL(url).pathname}`, signature)
    this.#handset = handset
    await handset.pickUp()
    await talk(handset)
    handset.hangUp()
    await this.#post('/status', { ...form, CallStatus: 'completed', CallDuration: String(handset.seconds) })
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #post(path: string, form: Record<string, string>): Promise<string> {
    const { address, authToken, site } = this.#options
    const signature = twilio.getExpectedTwilioSignature(authToken, site + path, form)
    const body = new URLSearchParams(form)
    const answer = await fetch(address() + path, { method: 'POST', headers: { 'x-twilio-signature': signature }, body })
    return answer.text()
  }
}
