import { quantity, type UsageQuantity } from '@farebox/core'
import { possibleOptions } from './dialect-options.ts'
import type { ChatInput } from './workflow-calls.ts'

/** Searches that are held for where the caller does not limit them: Claude sets itself no limit. */
const SEARCHES_MAX = 5

/**
 * The searches of the web that a chat may make, where its options ask for Claude's own tool for them.
 *
 * @source https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool
 */
export function webSearches(input: ChatInput): UsageQuantity[] | undefined {
  // Tools of the caller's own take the place of those in its options.
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
  return isLimited ? Math.min(max_uses, SEARCHES_LIMIT) : SEARCHES_MAX
}

/** No answer searches so often. */
const SEARCHES_LIMIT = 1_000
