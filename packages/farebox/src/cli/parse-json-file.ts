import { InvalidOptionError } from '@farebox/core'

/**
 * What a JSON file holds. The mark that some editors put before UTF-8 is no part of it.
 *
 * @param file  what it is called, for the error
 * @throws {InvalidOptionError} it is not JSON
 */
export function parseJsonFile(file: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new InvalidOptionError(`${file} is not JSON: ${error instanceof Error ? error.message : ''}`, { cause: error })
  }
}
