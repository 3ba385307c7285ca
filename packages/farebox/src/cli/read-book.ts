import { readFile } from 'node:fs/promises'
import { InvalidOptionError } from '@farebox/core'
import { PriceBook, type PriceBookDocument } from '@farebox/pricing'
import { parseJsonFile } from './parse-json-file.ts'

/**
 * Reads and checks the price book in a file.
 *
 * @throws {InvalidOptionError} there is no such file, or it is not JSON
 * @throws {InvalidPriceBookError} it is not a valid price book
 */
export async function readBook(file: string): Promise<PriceBookDocument> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new InvalidOptionError(`there is no price book ${file}: name a JSON file`, { cause })
  })
  const document = parseJsonFile(file, text) as PriceBookDocument
  new PriceBook(document)
  return document
}
