import { InvalidOptionError } from '@farebox/core'

/** What the error says with which a wrong option is refused. */
export function said(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof InvalidOptionError) return error.message
    throw error
  }
  return 'nothing was said'
}
