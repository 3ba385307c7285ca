import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { deserialize, serialize } from 'node:v8'
import type { Ledger } from '@farebox/ledger'

/** The verbs that app processes call. Every input names what it makes, so that it can be asked again. */
export type AskedVerb = 'placeHold' | 'settleHold' | 'releaseHold' | 'charge' | 'refund' | 'openWorkflow' | 'closeWorkflow'

/** One call, as it can be made again by anybody. */
export type Asked = { [Verb in AskedVerb]: { verb: Verb; input: Parameters<Ledger[Verb]>[0] } }[AskedVerb]

/** What a ledger answers to it. */
export type Told = Awaited<ReturnType<Ledger[AskedVerb]>>

/** A line of a diary: what is about to be asked, what was answered to it, or what went wrong that should not. */
type Line = { number: number; asked: Asked } | { number: number; told: Told } | { number: number; failed: string }

/**
 * What an app process wrote down before it asked and after it was told, into a file by itself: each line is written when the call
 * returns, so that a process that is killed has not forgotten any.
 */
export class Diary {
  readonly #file: number
  #lines = 0

  constructor(filename: string) {
    this.#file = openSync(filename, 'a')
  }

  ask(asked: Asked): number {
    const number = this.#lines++
    this.#write({ number, asked })
    return number
  }

  tell(number: number, told: Told): void {
    this.#write({ number, told })
  }

  fail(number: number, error: unknown): void {
    this.#write({ number, failed: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }

  close(): void {
    closeSync(this.#file)
  }

  #write(line: Line): void {
    writeSync(this.#file, `${serialize(line).toString('base64')}\n`)
  }
}

/** One call of a process that is gone. Without `told` nobody knows whether it happened. */
export interface Call {
  asked: Asked
  told?: Told
}

/** Reads what a process wrote before it was killed. @throws a call failed in a way that it should not */
export function readDiary(filename: string): Call[] {
  const calls = new Map<number, Call>()
  // The last line may have been cut in the middle.
  const lines = readFileSync(filename, 'utf8').split('\n').slice(0, -1)
  for (const text of lines) {
    const line = deserialize(Buffer.from(text, 'base64')) as Line
    if ('asked' in line) calls.set(line.number, { asked: line.asked })
    else if ('failed' in line) throw new Error(`${JSON.stringify(calls.get(line.number)?.asked.verb)} failed: ${line.failed}`)
    else Object.assign(calls.get(line.number) ?? {}, { told: line.told })
  }
  return [...calls.values()]
}

/** Makes a call. */
export function make(ledger: Ledger, { verb, input }: Asked): Promise<Told> {
  return (ledger[verb] as (input: Asked['input']) => Promise<Told>).call(ledger, input)
}
