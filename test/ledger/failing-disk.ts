import fs from 'node:fs'
import { vi } from 'vitest'

/** The first bytes of SQLite's log: its header, another one each time that the log begins anew. */
const HEADER = 32
/** What a disk writes or loses as a whole. */
const BLOCK = 512

/**
 * Keeps what a disk would have kept of SQLite's log after a power cut, and loses some of what it is to flush. As Linux does it: what could not
 * be written is taken for written from then on, and that is told once to each descriptor that was open, and to none that is opened later.
 */
export class FailingDisk {
  /** Of flushes, how many fail: from 0 to 1. */
  failing = 0
  failures = 0
  readonly #log: string
  readonly #random: () => number
  readonly #descriptors = new Set<number>()
  readonly #untold = new Set<number>()
  #header = ''
  #kept: Buffer = Buffer.alloc(0)
  /** What was lost, where it was. */
  #lost: { at: number; bytes: Buffer }[] = []

  /** Stands in for the flushes of this process, until mocks are restored. @param random  from 0 to 1 */
  constructor(log: string, random: () => number) {
    this.#log = log
    this.#random = random
    const { openSync, closeSync } = fs
    vi.spyOn(fs, 'openSync').mockImplementation((...given) => {
      const descriptor = openSync(...given)
      if (given[0] === log) this.#descriptors.add(descriptor)
      this.#untold.delete(descriptor)
      return descriptor
    })
    vi.spyOn(fs, 'closeSync').mockImplementation((descriptor) => {
      this.#descriptors.delete(descriptor)
      closeSync(descriptor)
    })
    vi.spyOn(fs, 'fdatasyncSync').mockImplementation((descriptor) => {
      // Now and then so slow that the next flushes are made beside.
      if (random() < 0.1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
      this.#flush(descriptor, this.#read())
    })
    vi.spyOn(fs, 'fdatasync').mockImplementation((descriptor, told) => {
      // It makes durable what was there when it was asked for; what came meanwhile is in no case needed.
      const asked = this.#read()
      setTimeout(() => {
        try {
          const now = this.#read()
          const isSame = now.subarray(0, HEADER).equals(asked.subarray(0, HEADER))
          this.#flush(descriptor, isSame && asked.length > this.#kept.length ? asked : isSame ? now : this.#kept)
          told(null)
        } catch (error) {
          told(error as NodeJS.ErrnoException)
        }
      }, random() * 4)
    })
  }

  /** The log as it would be found after a power cut. */
  get afterPowerCut(): Buffer {
    this.#read()
    return this.#without(this.#kept)
  }

  #read(): Buffer {
    const now = fs.existsSync(this.#log) ? fs.readFileSync(this.#log) : Buffer.alloc(0)
    const header = now.toString('hex', 0, HEADER)
    // Begun anew, which SQLite does when it has flushed what it copied: nothing of the old one is needed.
    if (header !== this.#header) {
      this.#kept = Buffer.alloc(0)
      this.#lost = []
    }
    this.#header = header
    return now
  }

  #flush(descriptor: number, now: Buffer): void {
    if (!this.#descriptors.has(descriptor)) throw new Error(`descriptor ${descriptor} is not the log's`)
    if (this.#untold.delete(descriptor)) throw eio()
    const isLost = this.#random() < this.failing
    if (isLost) {
      let at = 0
      while (at < this.#kept.length && this.#kept[at] === now[at]) at++
      this.#lost.push({ at, bytes: now.subarray(at) })
    }
    this.#kept = this.#without(now)
    if (!isLost) return
    this.failures++
    for (const each of this.#descriptors) if (each !== descriptor) this.#untold.add(each)
    throw eio()
  }

  /** Blocks that were lost, and not written again since, are not there. */
  #without(log: Buffer): Buffer {
    const left = Buffer.from(log)
    for (const { at, bytes } of this.#lost) {
      for (let from = 0; from < bytes.length; from += BLOCK) {
        const block = bytes.subarray(from, from + BLOCK)
        const there = left.subarray(at + from, at + from + block.length)
        if (there.equals(block)) there.fill(0)
      }
    }
    return left
  }
}

/** What a disk's failure looks like in a program. */
export const eio = () => Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' })
