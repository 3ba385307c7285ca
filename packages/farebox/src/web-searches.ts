import { quantity, type UsageQuantity } from '@farebox/core'
import { possibleOptions } from './dialect-options.ts'
import type { ChatInput } from './workflow-calls.ts'

/** The number of searches to hold for if the caller sets no limit. The providers have none of their own. */
const SEARCHES_UNLIMITED = 5
/** The most that a limit of the caller counts as. No answer searches so often. */
const SEARCHES_MAX = 1_000

/**
 * The web searches that a chat may make, if its options include a provider's web search tool: Claude's, each with its `max_uses`,
 * or OpenAI's, which `max_tool_calls` limits with all other tools that OpenAI runs.
 *
 * @source https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool
 * @source the SDK's documentation of `responses.create`, `tools` and `max_tool_calls`
 */
export function webSearches(input: ChatInput): UsageQuantity[] | undefined {
  // The caller's `tools` replace those in the options, unless there are none.
  if (input.tools?.length) return undefined
  const most = Math.max(0, ...possibleOptions(input).map(searchesOf))
  return most > 0 ? [{ meter: 'web_searches', quantity: quantity(most), unit: 'requests' }] : undefined
}

function searchesOf({ tools, max_tool_calls }: Record<string, unknown>): number {
  const asked: unknown[] = Array.isArray(tools) ? tools : []
  return asked.reduce<number>((sum, tool) => sum + searchesOfTool(tool, limitOf(max_tool_calls)), 0)
}

function searchesOfTool(tool: unknown, callsMax: number | undefined): number {
  const { type, max_uses } = (typeof tool === 'object' && tool !== null ? tool : {}) as { type?: unknown; max_uses?: unknown }
  if (typeof type !== 'string' || !WEB_SEARCH.test(type)) return 0
  return limitOf(max_uses) ?? callsMax ?? SEARCHES_UNLIMITED
}

/** `web_search_20250305` of Claude; `web_search`, `web_search_2025_08_26` and `web_search_preview` of OpenAI. */
const WEB_SEARCH = /^web_search(_(\d|preview)|$)/

function limitOf(given: unknown): number | undefined {
  const isLimit = typeof given === 'number' && Number.isSafeInteger(given) && given >= 0
  return isLimit ? Math.min(given, SEARCHES_MAX) : undefined
}
