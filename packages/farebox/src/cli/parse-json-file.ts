import { InvalidOptionError } from '@farebox/core'

/**
 * Parses the text of a JSON file. Skips the byte order mark that some editors put before UTF-8.
 *
 * @param file  its name, for the error
 * @throws {InvalidOptionError} it is not JSON
 */
export function parseJsonFile(file: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new InvalidOptionError(`${file} is not JSON: ${error instanceof Error ? error.message : ''}`, { cause: error })
  }
}
