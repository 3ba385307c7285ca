/** The facts about one of Anthropic's models. */
export interface ClaudeModel {
  /** The model's name in Anthropic's API. */
  id: string
  contextTokens: number
  outputTokensMax: number
  /** The most tokens that one image counts. */
  imageTokensMax: number
  quality: number
  latencyMs: number
}

/**
 * The current models, as of November 2026. Limits are those of the Messages API. An image counts a token for each square of 28
 * pixels, at most 1,600. From version 4.7 on, with its higher resolution, it counts at most 4,784.
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
 * The model behind the provider `claude-3-haiku`. Anthropic retired Claude 3 Haiku on 2026-04-20. It named Haiku 4.5 as the
 * successor, which costs four times as much and may itself retire at any time since 2026-10-15. Haiku 5.5 was released on
 * 2026-10-07. For prompts of up to 100,000 tokens it costs less than Claude 3 Haiku did, and it stays until 2027-10-07 at least.
 *
 * @source https://platform.claude.com/docs/en/about-claude/model-deprecations
 * @source https://platform.claude.com/docs/en/models/haiku-5-5/overview
 */
export const CURRENT_HAIKU = 'claude-haiku-5-5'

/**
 * Whether a model accepts a temperature. From version 4.7 on, Claude answers 400 to any but the default. Other makers' models
 * behind this protocol accept one.
 *
 * @source https://platform.claude.com/docs/en/models/haiku-5-5/migration-guide ("Remove sampling parameters")
 */
export function takesTemperature(model: string): boolean {
  const name = claudeName(model)
  return name === undefined || SAMPLED.test(name)
}

/** `claude-3-haiku-20240307`, `claude-haiku-4-5`, `claude-sonnet-4-20250514`. */
const SAMPLED = /^claude-(?:[123](?:[-.]|$)|instant|(?:haiku|sonnet|opus)-4(?:-[0-6])?(?:-\d{8})?$)/

/**
 * Whether a model thinks by default. Thinking counts as output and towards its limit, so a short answer of a model chosen for
 * speed could be all thinking and no text.
 *
 * @source https://platform.claude.com/docs/en/models/haiku-5-5/whats-new-haiku-5-5 ("Adaptive thinking and effort")
 */
export function thinksUnlessTold(model: string): boolean {
  return claudeName(model)?.startsWith('claude-haiku-5-5') === true
}

/**
 * Whether a model supports output by a schema: Haiku, Sonnet and Opus do from version 4.5 on. Anthropic answers 400 for others.
 *
 * @source https://platform.claude.com/docs/en/build-with-claude/structured-outputs
 */
export function takesSchema(model: string): boolean {
  return HELD_TO_SCHEMA.test(model)
}

/** `claude-haiku-4-5-20251001`, `claude-sonnet-5-5`, and not `claude-sonnet-4-20250514`. */
const HELD_TO_SCHEMA = /^claude-(?:haiku|sonnet|opus)-(?:4-[5-9](?:-|$)|[5-9](?:-|$))/

/** Whether a model is a Claude, by whatever name, and not another maker's behind this protocol. */
export function isClaude(model: string): boolean {
  return claudeName(model) !== undefined
}

/**
 * Anthropic's own name for a Claude, which other clouds and servers decorate: `us.anthropic.claude-haiku-4-5-20251001-v1:0`,
 * `claude-haiku-4-5@20251001`, `anthropic/claude-haiku-4.5`.
 *
 * @returns `undefined` for another maker's model
 */
function claudeName(model: string): string | undefined {
  const [, name] = /(?:^|[./])(claude-[^/]+)$/.exec(model) ?? []
  return name?.replace(/-v\d+(:\d+)?$/, '').replace(/[.@]/g, '-')
}

function current(id: string, { quality, latencyMs }: Pick<ClaudeModel, 'quality' | 'latencyMs'>): ClaudeModel {
  return { id, contextTokens: 1_000_000, outputTokensMax: 128_000, imageTokensMax: 4_784, quality, latencyMs }
}
