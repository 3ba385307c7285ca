import { InvalidOptionError } from '@farebox/core'
import { defaultPriceBook, PriceBook } from '@farebox/pricing'
import { applyConditions, presets } from '@farebox/router'
import { type EstimateInput, estimateWorkflow } from '../estimate-workflow.ts'
import { counted } from './counted.ts'
import { readBook } from './read-book.ts'
import { readChanges, readConfiguration } from './read-configuration.ts'
import type { Shell } from './shell.ts'

interface EstimateOptions {
  aiTokens?: string
  voiceMinutes?: string
  ttsCharacters?: string
  phoneMinutes?: string
  configuration?: string
  set?: string[]
  book?: string
  json?: boolean
}

/** Adds `estimate`: what planned work will cost, before any call. It needs no store. */
export function addEstimateCommand(shell: Shell, now: () => number = Date.now): void {
  shell
    .plainCommand('estimate', 'estimate what planned work will cost, by service: the expected, lowest and highest cost')
    .option('--ai-tokens <count>', 'tokens of chats, input and output together')
    .option('--voice-minutes <count>', 'minutes of speech to transcribe')
    .option('--tts-characters <count>', 'characters to speak')
    .option('--phone-minutes <count>', 'minutes of phone calls')
    .option('--configuration <name>', 'a preset, or the path of a JSON file with a configuration (default: balanced)')
    .option('--set <field=value...>', 'configuration fields to change: stt_provider=deepgram cost_optimization=true')
    .option('--book <book>', 'what customers pay: the path of a price book (default: the built-in one)')
    .option('--json', 'print JSON')
    .action(async (options: EstimateOptions) => {
      const input: EstimateInput = {
        ai_tokens: parseCount('--ai-tokens', options.aiTokens),
        voice_minutes: parseCount('--voice-minutes', options.voiceMinutes),
        tts_characters: parseCount('--tts-characters', options.ttsCharacters),
        phone_minutes: parseCount('--phone-minutes', options.phoneMinutes),
      }
      if (Object.values(input).every((count) => !count))
        throw new InvalidOptionError('nothing is planned: give --ai-tokens, --voice-minutes, --tts-characters or --phone-minutes')
      const { configuration, set = [], book } = options
      const base = configuration === undefined ? presets.balanced() : await readConfiguration(configuration)
      const prices = book === undefined ? defaultPriceBook : new PriceBook(await readBook(book))
      // As in the API: of the conditions, only those that ask for nothing apply.
      const applied = applyConditions({ ...base, ...readChanges(set) })
      const estimate = estimateWorkflow(prices, applied.configuration, input, now())
      const { terminal } = shell
      if (options.json) return terminal.line(JSON.stringify(estimate, null, 2))
      // Exact credits alone: in whole credits, the lines would not come to the total below them.
      terminal.table(
        estimate.services.map(
          ({ credits, credits_exact, credits_low, credits_low_exact, credits_high, credits_high_exact, ...service }) => ({
            ...service,
            credits: credits_exact ?? credits,
            credits_low: credits_low_exact ?? credits_low,
            credits_high: credits_high_exact ?? credits_high,
          }),
        ),
      )
      const expected = counted(estimate.total_credits_exact ?? estimate.total_credits, 'credit')
      const low = estimate.total_credits_low_exact ?? estimate.total_credits_low
      const high = estimate.total_credits_high_exact ?? estimate.total_credits_high
      terminal.line(`${expected}, from ${low} to ${high}, by ${estimate.price_version}`)
    })
}

/** A count of units, with at most six decimals. @throws {InvalidOptionError} it is not one */
function parseCount(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(text))
    throw new InvalidOptionError(`${option} must be a number from 0 to 999999999, received ${text}`)
  return Number(text)
}
