import { LedgerInternalError } from '../errors.ts'
import type { ArrayType, ArrayValue, Element, Parameter } from './codec.ts'

/** The size of the first buffer, in bytes. A longer batch doubles it. */
const FIRST_BYTES = 16_384
/** The longest message that Postgres reads, in bytes. */
const MESSAGE_BYTES_MAX = 2 ** 30 - 1
/** Texts up to this length are copied here, which is faster than to call Node for them. */
const SHORT = 24
/** Texts from this length on are measured before they are written. */
const LONG = 1_048_576

const TEXT_FORMAT = 0
const BINARY_FORMAT = 1
/** Of each array: its dimensions, whether it has nulls, the element type, its length, and the index of its first element. */
const ARRAY_HEAD_BYTES = 20
/** The same in every Postgres: https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat */
const ELEMENT_OIDS: Record<ArrayType, number> = { text: 25, bigint: 20, boolean: 16 }
const NULL_LENGTH = -1

/**
 * Messages of Postgres' extended query protocol, written one after another into one buffer. Arrays are in binary format. As text,
 * every quotation mark would be escaped here and every character parsed there.
 *
 * Source: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export class Messages {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  /** Forgets a prepared statement. To forget one that does not exist is no error. */
  close(name: string): void {
    this.#message('C', () => {
      this.#byte(0x53)
      this.#terminated(name)
    })
  }

  parse(name: string, text: string): void {
    this.#message('P', () => {
      this.#terminated(name)
      this.#terminated(text)
      this.#int16(0)
    })
  }

  /** @throws {LedgerInternalError} a number does not fit a column, or the values are longer than Postgres reads */
  bind(name: string, values: readonly Parameter[]): void {
    this.#message('B', () => {
      this.#terminated('')
      this.#terminated(name)
      this.#int16(values.length)
      for (const value of values) this.#int16(typeof value === 'string' || value === null ? TEXT_FORMAT : BINARY_FORMAT)
      this.#int16(values.length)
      for (const value of values) {
        if (value === null) this.#int32(NULL_LENGTH)
        else if (typeof value === 'string') this.#text(value)
        else this.#array(value)
      }
      this.#int16(0)
    })
  }

  execute(): void {
    this.#message('E', () => {
      this.#terminated('')
      this.#int32(0)
    })
  }

  sync(): void {
    this.#message('S', () => undefined)
  }

  /** Returns all messages. No more can be written. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Writes a message: its type, its length, and its fields. */
  #message(type: string, writeFields: () => void): void {
    this.#byte(type.charCodeAt(0))
    const start = this.#length
    this.#int32(0)
    writeFields()
    const length = this.#length - start
    if (length > MESSAGE_BYTES_MAX) throw new LedgerInternalError('a change is too long, and was not made', length)
    this.#view.setInt32(start, length)
  }

  #array({ type, elements }: ArrayValue): void {
    const start = this.#int32(0)
    this.#reserve(ARRAY_HEAD_BYTES)
    this.#int32(1)
    const hasNulls = this.#int32(0)
    this.#int32(ELEMENT_OIDS[type])
    this.#int32(elements.length)
    this.#int32(1)
    for (const element of elements) {
      if (element === null || element === undefined) {
        this.#view.setInt32(hasNulls, 1)
        this.#int32(NULL_LENGTH)
      } else this.#element(element)
    }
    this.#view.setInt32(start, this.#length - start - 4)
  }

  #element(element: NonNullable<Element>): void {
    switch (typeof element) {
      case 'string':
        this.#text(element)
        break
      case 'boolean':
        this.#int32(1)
        this.#byte(element ? 1 : 0)
        break
      default:
        this.#int64(element)
    }
  }

  /** A text with its length in front. */
  #text(text: string): void {
    const start = this.#int32(0)
    this.#utf8(text)
    this.#view.setInt32(start, this.#length - start - 4)
  }

  #terminated(text: string): void {
    this.#utf8(text)
    this.#byte(0)
  }

  #utf8(text: string): void {
    const { length } = text
    // A code unit becomes three bytes at most, mostly one. For a long text, that would be too much memory for nothing.
    this.#reserve(length < LONG ? 3 * length : Buffer.byteLength(text))
    if (length > SHORT || !this.#shortAscii(text)) this.#length += this.#bytes.write(text, this.#length)
  }

  #shortAscii(text: string): boolean {
    const bytes = this.#bytes
    const start = this.#length
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) return false
      bytes[start + index] = code
    }
    this.#length = start + text.length
    return true
  }

  #int64(value: number | bigint): void {
    const isBigInt = typeof value === 'bigint'
    if (isBigInt ? BigInt.asIntN(64, value) !== value : !Number.isSafeInteger(value)) {
      throw new LedgerInternalError("a change does not fit the ledger's tables; nothing was changed", value)
    }
    this.#int32(8)
    this.#reserve(8)
    if (isBigInt) this.#view.setBigInt64(this.#length, value)
    else {
      this.#view.setInt32(this.#length, Math.floor(value / 2 ** 32))
      this.#view.setUint32(this.#length + 4, value)
    }
    this.#length += 8
  }

  /** Returns where it was written, so that it can be written once more. */
  #int32(value: number): number {
    this.#reserve(4)
    const start = this.#length
    this.#view.setInt32(start, value)
    this.#length += 4
    return start
  }

  #int16(value: number): void {
    this.#reserve(2)
    this.#view.setInt16(this.#length, value)
    this.#length += 2
  }

  #byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}
