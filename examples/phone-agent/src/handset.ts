import { once } from 'node:events'
import { WebSocket } from 'ws'

/** Telephone sound comes in pieces of a fiftieth of a second. */
const PIECE_MS = 20
const PIECE_BYTES = 160
const VOICE = Buffer.alloc(PIECE_BYTES, 0x55).toString('base64')
const SILENCE = Buffer.alloc(PIECE_BYTES, 0xff).toString('base64')

/**
 * A simulated telephone. Its time passes as fast as the agent can follow: after each second of sound, it waits until the agent has
 * processed it. In that time, what the agent says takes as long to hear as on a real telephone.
 */
export class Handset {
  readonly callId: string
  readonly #streamSid = `MZ${'0'.repeat(32)}`
  readonly #socket: WebSocket
  /** What the agent has sent and the handset has not played yet: numbers of bytes of sound, with marks between them. */
  #playing: (number | string)[] = []
  #timeMs = 0
  /** Called whenever something comes from the agent. */
  #onMessage: () => void = () => undefined
  #pongs = 0
  #hasEnded = false

  constructor(callId: string, url: string, signature: string) {
    this.callId = callId
    this.#socket = new WebSocket(url, { headers: { 'x-twilio-signature': signature } })
    this.#socket.on('message', (data) => this.#receive(JSON.parse(data.toString())))
    this.#socket.on('pong', () => {
      this.#pongs += 1
      this.#onMessage()
    })
    this.#socket.on('close', () => this.#onMessage())
  }

  get hasEnded(): boolean {
    return this.#hasEnded || this.#socket.readyState > WebSocket.OPEN
  }

  /** The length of the call so far, in whole seconds, as it is billed. */
  get seconds(): number {
    return Math.ceil(this.#timeMs / 1_000)
  }

  async pickUp(): Promise<void> {
    await once(this.#socket, 'open')
    this.#send({ event: 'connected', protocol: 'Call', version: '1.0.0' })
    const mediaFormat = { encoding: 'audio/x-mulaw', sampleRate: 8_000, channels: 1 }
    this.#send({ event: 'start', start: { callSid: this.callId, tracks: ['inbound'], customParameters: {}, mediaFormat } })
  }

  /** Speaks for a number of seconds. */
  speak(seconds: number): Promise<void> {
    return this.#pass(Math.round((seconds * 1_000) / PIECE_MS), VOICE)
  }

  /** Waits until the agent has something to say, then listens to all of it, or for at most `seconds` seconds. */
  async listen(seconds = Number.POSITIVE_INFINITY): Promise<void> {
    await this.#until(() => this.#playing.some((item) => typeof item === 'string' && !item.startsWith('sentence')))
    const bytes = this.#playing.reduce<number>((sum, item) => sum + (typeof item === 'number' ? item : 0), 0)
    await this.#pass(Math.ceil(Math.min(bytes / PIECE_BYTES, (seconds * 1_000) / PIECE_MS)), SILENCE)
  }

  /** Listens in silence until the agent hangs up. */
  async holdOn(): Promise<void> {
    while (!this.hasEnded) await this.#pass(1_000 / PIECE_MS, SILENCE)
  }

  hangUp(): void {
    if (this.hasEnded) return
    this.#send({ event: 'stop', stop: { callSid: this.callId } })
    this.#hasEnded = true
    this.#socket.close()
  }

  /** Loses the connection without notice. */
  drop(): void {
    this.#hasEnded = true
    this.#socket.terminate()
  }

  /** Sends a number of pieces of sound, and waits until the agent has processed them. */
  async #pass(pieces: number, payload: string): Promise<void> {
    for (let piece = 1; piece <= pieces && !this.hasEnded; piece += 1) {
      this.#send({ event: 'media', media: { track: 'inbound', timestamp: String(this.#timeMs), payload } })
      this.#timeMs += PIECE_MS
      this.#play(PIECE_BYTES)
      if (piece % 50 === 0 || piece === pieces) await this.#caughtUp()
    }
  }

  async #caughtUp(): Promise<void> {
    const pongs = this.#pongs
    this.#socket.ping()
    await this.#until(() => this.#pongs > pongs)
  }

  /** Waits for a condition, or for the end of the call. */
  async #until(isSo: () => boolean): Promise<void> {
    while (!this.hasEnded && !isSo()) {
      await new Promise<void>((resolve) => {
        this.#onMessage = resolve
      })
    }
  }

  /** Plays what the agent has sent, and returns each mark when the sound before it has been played. */
  #play(bytes: number): void {
    let left = bytes
    for (let item = this.#playing[0]; item !== undefined && (left > 0 || typeof item === 'string'); item = this.#playing[0]) {
      if (typeof item === 'string') this.#returnMark(item)
      else if (item > left) {
        this.#playing[0] = item - left
        return
      } else left -= item
      this.#playing.shift()
    }
  }

  #receive(message: { event: string; media?: { payload: string }; mark?: { name: string } }): void {
    if (message.media) this.#playing.push(Buffer.byteLength(message.media.payload, 'base64'))
    if (message.mark) this.#playing.push(message.mark.name)
    if (message.event === 'clear') {
      const marks = this.#playing.filter((item) => typeof item === 'string')
      this.#playing = []
      for (const name of marks) this.#returnMark(name)
    }
    this.#onMessage()
  }

  #returnMark(name: string): void {
    this.#send({ event: 'mark', mark: { name } })
  }

  #send(message: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ streamSid: this.#streamSid, ...message }))
  }
}
