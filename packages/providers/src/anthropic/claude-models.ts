/** What is known of one of Anthropic's models. */
export interface ClaudeModel {
  /** As Anthropic's API names it. */
  id: string
  contextTokens: number
  outputTokensMax: number
  /** Tokens that one image is at most. */
  imageTokensMax: number
  quality: number
  latencyMs: number
}

/**
 * The current models, as of November 2026. Limits are those of the Messages API; an image is a token for each square of 28 pixels,
 * at most 1,600, and 4,784 from version 4.7 on, which sees more.
 *
 * @source https://platform.claude.com/docs/en/models/haiku-5-5/overview (the table of the line-up, October 2026)
 * @source https://platform.claude.com/docs/en/build-with-claude/vision
 */
export const claudeModels: readonly ClaudeModel[] = [
  current('claude-haiku-5-5', { quality: 0.78, latencyMs: 500 }),
  current('claude-sonnet-5-5', { quality: 0.92, latencyMs: 800 }),
  current('claude-opus-5-5', { quality: 0.95, latencyMs: 1_300 }),
  current('claude-fable-5-1', { quality: 0.97, latencyMs: 2_000 }),
  {
    id: 'claude-haiku-4-5',
    contextTokens: 200_000,
    outputTokensMax: 64_000,
    imageTokensMax: 1_600,
    quality: 0.76,
    latencyMs: 500,
  },
]

/**
 * What stands behind the name `claude-3-haiku`. Claude 3 Haiku was retired on 2026-04-20. Anthropic then named Haiku 4.5 as its
 * successor, which costs four times as much and may itself be retired since 2026-10-15; Haiku 5.5, of 2026-10-07, costs less than
 * Claude 3 Haiku did up to prompts of 100,000 tokens, and stays until 2027-10-07 at least.
 *
 * @source https://platform.claude.com/docs/en/about-claude/model-deprecations
 * @source https://platform.claude.com/docs/en/models/haiku-5-5/overview
 */
export const CURRENT_HAIKU = 'claude-haiku-5-5'

/**
 * Whether a model takes a temperature. From version 4.7 on, Claude answers 400 to any but its own. Models of other makers behind this
 * protocol take one.
 *
 * @source https://platform.claude.com/docs/en/models/haiku-5-5/migration-guide ("Remove sampling parameters")
 */
export function takesTemperature(model: string): boolean {
  return !model.startsWith('claude-') || SAMPLED.test(model)
}

/** `claude-3-haiku-20240307`, `claude-haiku-4-5`, `claude-sonnet-4-20250514`. */
const SAMPLED = /^claude-(?:[123](?:[-.]|$)|instant|(?:haiku|sonnet|opus)-4(?:-[0-6])?(?:-\d{8})?$)/

/**
 * Whether a model thinks before it answers unless it is told not to. Thinking counts as output and within its limit, so a short
 * answer of a model that is chosen for speed could be all thought and no word.
 *
 * @source https://platform.claude.com/docs/en/models/haiku-5-5/whats-new-haiku-5-5 ("Adaptive thinking and effort")
 */
export function thinksUnlessTold(model: string): boolean {
  return model.startsWith('claude-haiku-5-5')
}

/**
 * Whether a model can be held to a schema: Haiku, Sonnet and Opus from version 4.5 on. Anthropic answers 400 for others.
 *
 * @source https://platform.claude.com/docs/en/build-with-claude/structured-outputs
 */
export function takesSchema(model: string): boolean {
  return HELD_TO_SCHEMA.test(model)
}

/** `claude-haiku-4-5-20251001`, `claude-sonnet-5-5`, and not `claude-sonnet-4-20250514`. */
const HELD_TO_SCHEMA = /^claude-(?:haiku|sonnet|opus)-(?:4-[5-9](?:-|$)|[5-9](?:-|$))/

function current(id: string, { quality, latencyMs }: Pick<ClaudeModel, 'quality' | 'latencyMs'>): ClaudeModel {
  return { id, contextTokens: 1_000_000, outputTokensMax: 128_000, imageTokensMax: 4_784, quality, latencyMs }
}
