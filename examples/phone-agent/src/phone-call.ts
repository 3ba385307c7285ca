import { setTimeout as sleep } from 'node:timers/promises'
import { mediaFormat, type TwilioAdapter } from '@farebox/providers/twilio'
import type { Farebox, MeteredTime, Receipt, Workflow } from 'farebox'
import { Ear } from './ear.ts'
import { isUnpaid } from './is-unpaid.ts'
import { sentencesOf } from './sentences.ts'
import { Voice } from './voice.ts'

/** Fixed phrases, which no model writes. */
const GREETING = 'Hello! How can I help you?'
const LOW = 'By the way, about one minute of credit is left.'
const SPENT = 'Your credit is used up now. Goodbye!'
const GOODBYE = 'goodbye'
const FAILED = 'Sorry, I cannot answer that just now.'
const INSTRUCTIONS = 'You answer the telephone of a shop. Answer in one to three short sentences, without lists or markup.'

/** A database that is away has about twenty seconds to come back. */
const CLOSE_TRIES = 10
const CLOSE_WAIT_MS = 2_000

/** How long after the end of the goodbye Twilio may take to say that it was heard. */
const MARK_WAIT_MS = 2_000

const endings = {
  caller: 'the caller has hung up',
  credits: 'the credits are gone',
  server: 'the server is stopping',
  failure: 'nobody can hear the caller',
}

export interface CallOptions {
  box: Farebox
  twilio: TwilioAdapter
  accountId: string
  callId: string
  from: string
  to: string
  /** Prints one line about the progress of the call. */
  print(line: string): void
  /** How long to wait for Twilio to report the length of the call, in milliseconds. */
  statusWaitMs: number
}

/** One phone call, billed as one workflow of an account, from the webhook to the receipt. */
export class PhoneCall {
  /** Resolves to the receipt when every part of the call is settled. */
  readonly ended: Promise<Receipt>
  readonly #options: CallOptions
  readonly #workflow: Workflow
  readonly #time: MeteredTime
  readonly #ear: Ear
  readonly #messages: { role: 'system' | 'user' | 'assistant'; content: string }[] = [{ role: 'system', content: INSTRUCTIONS }]
  /** The length that Twilio reported, in seconds. */
  readonly #duration = Promise.withResolvers<number | undefined>()
  readonly #receipt = Promise.withResolvers<Receipt>()
  #voice: Voice | undefined
  #prepared: Record<'low' | 'spent', Promise<Uint8Array | undefined>> | undefined
  #saying = new AbortController()
  #said: Promise<void> = Promise.resolve()
  #count = 0
  #listening: Promise<void> = Promise.resolve()
  #isEnding = false
  #isLeaving = false

  /** Begins a call by paying for its first seconds. @throws an error that {@link isUnpaid} recognizes: the account cannot pay */
  static async begin(options: CallOptions): Promise<PhoneCall> {
    const { box, accountId, to, from, callId: requestId } = options
    const workflow = box.workflow({ accountId, name: 'phone_call' })
    const onLow = () => call.#warn()
    const onSpent = () => call.end('credits')
    const time = await workflow.meter({ service: 'phone', provider: 'twilio', to, from, requestId, onLow, onSpent })
    const call = new PhoneCall(options, workflow, time)
    return call
  }

  private constructor(options: CallOptions, workflow: Workflow, time: MeteredTime) {
    this.#options = options
    this.#workflow = workflow
    this.#time = time
    this.#ear = new Ear(workflow)
    this.ended = this.#receipt.promise
  }

  get isConnected(): boolean {
    return this.#voice !== undefined
  }

  /** Connects the media stream: from here on, the agent hears the caller and can speak. */
  connect(streamId: string, send: (message: string) => void): void {
    const voice = new Voice(this.#workflow, streamId, send)
    this.#voice = voice
    // When the credits run out, nothing is left to pay for these phrases, so synthesize them now.
    const prepared = { low: this.#prepare(LOW), spent: this.#prepare(SPENT) }
    this.#prepared = prepared
    this.#listening = this.#listen()
    this.#say(async (signal) => {
      this.#options.print(`agent: ${GREETING}`)
      await Promise.all([voice.say(GREETING, signal), prepared.low, prepared.spent])
    })
  }

  /** Handles sound from the caller, `second` seconds after the stream began. */
  async hear(sound: Uint8Array, second: number): Promise<void> {
    await this.#time.reached(second)
    this.#ear.hear(sound)
  }

  /** Handles a mark that has come back: the caller has heard everything before it. */
  mark(name: string): void {
    if (name === GOODBYE) this.#isLeaving = true
    this.#voice?.mark(name)
  }

  /** The caller has left, or never came. */
  left(): void {
    this.#voice?.end()
    this.end('caller')
  }

  /** Twilio reports that the call has ended, and its length. */
  hungUp(seconds: number | undefined): void {
    this.#duration.resolve(seconds)
    this.left()
  }

  /** Resolves when everything heard so far has been processed. */
  async caughtUp(): Promise<void> {
    await this.#ear.caughtUp()
    if (this.#isLeaving) await this.ended
  }

  /** Ends the call, if it is not ending already. See {@link ended}. */
  end(by: keyof typeof endings): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#options.print(`(${endings[by]})`)
    this.#end(by).then(this.#receipt.resolve, this.#receipt.reject)
  }

  async #end(by: keyof typeof endings): Promise<Receipt> {
    const { print, twilio, callId, statusWaitMs } = this.#options
    this.#saying.abort()
    this.#ear.end()
    if (by === 'credits') await this.#sayGoodbye()
    this.#voice?.end()
    if (by !== 'caller') {
      const context = { signal: AbortSignal.timeout(10_000), attemptId: callId }
      await twilio.endCall(callId, context).catch((error: Error) => print(`(could not hang up: ${error.message})`))
    }
    await Promise.all([this.#said, this.#listening])
    const timer = setTimeout(() => this.#duration.resolve(undefined), statusWaitMs)
    const seconds = await this.#duration.promise
    clearTimeout(timer)
    // Closing the workflow ends the time again, and charges it by the same length.
    await this.#time.end(seconds).catch((error: Error) => print(`(could not charge the call: ${error.message})`))
    return this.#close()
  }

  /** Closes the workflow, and tries again while the database is away: an open one would keep its credits set aside. */
  async #close(): Promise<Receipt> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#workflow.close()
      } catch (error) {
        if (tries === CLOSE_TRIES) throw error
        await sleep(CLOSE_WAIT_MS)
      }
    }
  }

  async #sayGoodbye(): Promise<void> {
    const sound = await this.#prepared?.spent
    if (!this.#voice || !sound) return
    this.#voice.clear()
    this.#voice.play(sound)
    this.#options.print(`agent: ${SPENT}`)
    // Nobody pays for a call that goes on because it is never told that this was heard.
    const timer = setTimeout(() => this.mark(GOODBYE), (sound.length / mediaFormat.sampleRate) * 1_000 + MARK_WAIT_MS)
    await this.#voice.heard(GOODBYE)
    clearTimeout(timer)
  }

  #warn(): void {
    this.#say(async () => {
      const sound = await this.#prepared?.low
      if (!sound) return
      this.#options.print(`agent: ${LOW}`)
      this.#voice?.play(sound)
    })
  }

  async #listen(): Promise<void> {
    const endedBy = await this.#ear.listen((text, isFinal) => this.#heard(text, isFinal))
    if (endedBy !== 'input') this.end(endedBy)
  }

  async #heard(text: string, isFinal: boolean): Promise<void> {
    const { box, accountId, print } = this.#options
    // The caller interrupts: silence what is playing, and stop the answer that is still being produced.
    if (this.#voice?.isSpeaking && !this.#saying.signal.aborted) {
      print('(the caller interrupts)')
      this.#saying.abort()
      this.#voice.clear()
    }
    if (!isFinal || this.#isEnding) return
    // What is heard is answered even if the database cannot tell the balance.
    const left = await box.ledger.balance(accountId).then(
      ({ available }) => `${Number(available / 1_000_000n)} credits`,
      () => 'credits unknown',
    )
    print(`caller: ${text} (${left})`)
    this.#messages.push({ role: 'user', content: text })
    this.#say((signal) => this.#answer(signal))
  }

  /** Answers the caller's last words. Speaks the first sentence while the model writes the next. */
  async #answer(signal: AbortSignal): Promise<void> {
    const voice = this.#voice
    const messages = [...this.#messages]
    const answer = await this.#workflow.streamChat({ messages, outputTokensMax: 150, afterContent: 'continue', signal })
    const heard = { role: 'assistant' as const, content: '' }
    for await (const sentence of sentencesOf(answer.events)) {
      if (signal.aborted || !voice) break
      this.#options.print(`agent: ${sentence}`)
      await voice.say(sentence, signal)
      this.#count += 1
      // The model's history holds what the caller has heard, not what the model meant to say.
      voice.heard(`sentence ${this.#count}`).then(() => {
        if (signal.aborted) return
        if (heard.content === '') this.#messages.push(heard)
        heard.content = `${heard.content} ${sentence}`.trim()
      })
    }
    await answer.settled
  }

  /** Speaks after everything before it has been heard or interrupted. */
  #say(speak: (signal: AbortSignal) => Promise<void>): void {
    const run = async () => {
      if (this.#isEnding || !this.#voice) return
      const saying = new AbortController()
      const { signal } = saying
      this.#saying = saying
      try {
        const work = speak(signal).catch((error) => this.#apologize(error, signal))
        await this.#voice.speaking(work, signal)
      } catch (error) {
        if (isUnpaid(error)) this.end('credits')
      }
    }
    this.#said = this.#said.then(run)
  }

  /** Tells the caller that something failed. @throws `error` itself, if it means that the account cannot pay */
  async #apologize(error: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    if (isUnpaid(error)) throw error
    this.#options.print(`agent: ${FAILED} (${(error as Error).message})`)
    await this.#voice?.say(FAILED, signal)
  }

  async #prepare(text: string): Promise<Uint8Array | undefined> {
    return this.#workflow.speak({ text, format: 'mulaw' }).then(
      ({ audio }) => audio,
      () => undefined,
    )
  }
}
