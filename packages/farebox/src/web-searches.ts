import { quantity, type UsageQuantity } from '@farebox/core'
import { possibleOptions } from './dialect-options.ts'
import type { ChatInput } from './workflow-calls.ts'

/** The number of searches to hold for if the caller sets no limit. Claude has none of its own. */
const SEARCHES_UNLIMITED = 5
/** The most that a limit of the caller counts as. No answer searches so often. */
const SEARCHES_MAX = 1_000

/**
 * The web searches that a chat may make, if its options include Claude's web search tool.
 *
 * @source https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool
 */
export function webSearches(input: ChatInput): UsageQuantity[] | undefined {
  // The caller's `tools` replace those in the options.
  if (input.tools !== undefined) return undefined
  const most = Math.max(0, ...possibleOptions(input).map(searchesOf))
  return most > 0 ? [{ meter: 'web_searches', quantity: quantity(most), unit: 'requests' }] : undefined
}

function searchesOf({ tools }: Record<string, unknown>): number {
  const asked: unknown[] = Array.isArray(tools) ? tools : []
  return asked.reduce<number>((sum, tool) => sum + searchesOfTool(tool), 0)
}

function searchesOfTool(tool: unknown): number {
  const { type, max_uses } = (typeof tool === 'object' && tool !== null ? tool : {}) as { type?: unknown; max_uses?: unknown }
  if (typeof type !== 'string' || !/^web_search_\d/.test(type)) return 0
  const isLimited = typeof max_uses === 'number' && Number.isSafeInteger(max_uses) && max_uses >= 0
  return isLimited ? Math.min(max_uses, SEARCHES_MAX) : SEARCHES_UNLIMITED
}
