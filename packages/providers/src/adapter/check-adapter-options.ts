import { checkOptionType, describeOption, InvalidOptionError } from '@farebox/core'

const types = {
  text: [
    'apiKey',
    'apiSecret',
    'accountSid',
    'authToken',
    'url',
    'baseURL',
    'baseUrl',
    'organization',
    'project',
    'projectId',
    'from',
    'voice',
    'name',
  ],
  function: ['fetch', 'now', 'sleep'],
  object: ['websocket', 'models', 'sdk', 'dispatcher'],
} as const

/**
 * Rejects options of a wrong type, by the names that they have in every adapter. Otherwise each call would fail, with an error that
 * names no option. `null` counts as absent.
 *
 * @throws {InvalidOptionError} the message names the option and what it must be
 */
export function checkAdapterOptions(options: object): void {
  const given = options as Readonly<Record<string, unknown>>
  for (const [type, names] of Object.entries(types)) {
    for (const name of names) checkOptionType(name, given[name] ?? undefined, type as keyof typeof types)
  }
  // One of `null` would count as a client, and fail at each call.
  checkOptionType('client', given.client, 'object')
  const { baseURL, baseUrl } = options as Readonly<Record<string, string | null | undefined>>
  for (const [name, address] of Object.entries({ baseURL, baseUrl })) checkAddress(name, address, ['http:', 'https:'])
}

/** Rejects what is no absolute URL. The error does not quote the URL, which may contain a password. */
export function checkAddress(name: string, address: string | null | undefined, protocols: readonly string[]): void {
  const given = givenAddress(address)
  if (given === undefined || (URL.canParse(given) && protocols.includes(new URL(given).protocol))) return
  throw new InvalidOptionError(`${name} must be an absolute URL that begins with ${protocols.join(' or ')}`)
}

/** An address without blanks around it; absent if there is nothing else, as in an environment variable that is set to nothing. */
export function givenAddress(address: string | null | undefined): string | undefined {
  return address?.trim() || undefined
}

/** Rejects what is none of the choices of an option. `null` counts as absent. */
export function checkChoice(name: string, choice: unknown, choices: readonly string[]): void {
  if (choice === undefined || choice === null || choices.some((known) => known === choice)) return
  throw new InvalidOptionError(`${name} must be ${choices.join(' or ')}, received ${describeOption(choice)}`)
}

/** Rejects what is no number of `least` or more. `null` counts as absent. */
export function checkNumber(name: string, value: unknown, least = 0): void {
  if (value === undefined || value === null || (typeof value === 'number' && value >= least)) return
  throw new InvalidOptionError(`${name} must be a number of ${least} or more, received ${describeOption(value)}`)
}
