import { readFile } from 'node:fs/promises'
import { InvalidOptionError } from '@farebox/core'
import { PriceBook, type PriceBookDocument } from '@farebox/pricing'
import { parseJsonFile } from './parse-json-file.ts'

/**
 * Reads and checks the price book in a file.
 *
 * @throws {InvalidOptionError} the file cannot be read, or is not JSON
 * @throws {InvalidPriceBookError} it is not a valid price book
 */
export async function readBook(file: string): Promise<PriceBookDocument> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new InvalidOptionError(`there is no price book ${file}: name a JSON file`, { cause })
    throw new InvalidOptionError(`price book ${file} cannot be read (${code})`, { cause })
  })
  const document = parseJsonFile(file, text) as PriceBookDocument
  new PriceBook(document)
  return document
}
