import { readFile } from 'node:fs/promises'
import { InvalidOptionError } from '@farebox/core'
import { parseServiceConfiguration, presets, type ServiceConfiguration } from '@farebox/router'
import { parseJsonFile } from './parse-json-file.ts'

/**
 * Reads the configuration that `--configuration` names: a preset, or the path of a JSON file in the wire form.
 *
 * @throws {InvalidOptionError} it is neither
 * @throws {InvalidConfigurationError} a field of the file is wrong
 */
export async function readConfiguration(name: string): Promise<ServiceConfiguration> {
  if (Object.hasOwn(presets, name)) return presets[name as keyof typeof presets]()
  const text = await readFile(name, 'utf8').catch(() => {
    throw new InvalidOptionError(
      `--configuration must be a preset (${Object.keys(presets).join(', ')}) or the path of a JSON file, received ${name}`,
    )
  })
  return parseServiceConfiguration(parseJsonFile(name, text) ?? refuse(`${name} holds no configuration`))
}

/**
 * Parses the fields that `--set` names: `stt_provider=deepgram`, `cost_optimization=true`, `fallback_ai_model=null`. A value that
 * is valid JSON is read as JSON, any other as text.
 *
 * @throws {InvalidOptionError} one of them has no value
 * @throws {InvalidConfigurationError} a field is unknown, or its value is wrong
 */
export function readChanges(settings: readonly string[]): Partial<ServiceConfiguration> {
  const wire = settings.map((setting): [string, unknown] => {
    const [, field, value] = /^(\w+)=(.*)$/s.exec(setting) ?? refuse(`--set must be field=value, received ${setting}`)
    return [field ?? '', parseJson(value ?? '') ?? (value === 'null' ? null : value)]
  })
  const parsed = parseServiceConfiguration(Object.fromEntries(wire))
  return Object.fromEntries(
    wire.map(([name]) => {
      const field = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()) as keyof ServiceConfiguration
      return [field, parsed[field]]
    }),
  )
}

/** `undefined` where the text is not JSON, and for `null`. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined
  } catch {
    return undefined
  }
}

function refuse(problem: string): never {
  throw new InvalidOptionError(problem)
}
