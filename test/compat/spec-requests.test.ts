import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { Dice } from '../consistency/dice.ts'
import { openLoopback } from '../farebox/parties.ts'
import { type OpenapiValidator, openapiValidator } from '../support/openapi-validator.ts'
import { hasSpec, readSpec, specTestName } from '../support/specs.ts'
import { openaiOver, openCompat } from './open-compat.ts'
import { RandomBody, type Schema } from './random-body.ts'

const SPEC = 'openai.openapi.yaml.gz'
const SEED = 20_261_130

/** A route, what it refuses by name, and what it takes without passing it on, as the README says. `#` stands for any index. */
interface Asked {
  path: string
  schema: string
  model: string
  api: 'chat' | 'responses'
  refused: RegExp
  leftOut: RegExp
}

const routes: readonly Asked[] = [
  {
    path: '/v1/chat/completions',
    schema: 'CreateChatCompletionRequest',
    model: 'gpt-4o',
    api: 'chat',
    refused:
      /^(audio|function_call|functions|moderation|n|prediction|service_tier|web_search_options|modalities\.#|tool_choice\.type|tools\.#\.type|messages\.#\.(audio|function_call|role|content\.#\.(type|prompt_cache_breakpoint)|tool_calls\.#\.type))$/,
    leftOut: /^(metadata|modalities|n|service_tier|store|stream_options|messages\.#\.refusal)\b/,
  },
  {
    path: '/v1/responses',
    schema: 'CreateResponse',
    model: 'gpt-4o',
    api: 'responses',
    refused:
      /^(background|context_management|conversation|input|max_tool_calls|moderation|previous_response_id|prompt|service_tier|truncation|tool_choice\.type|tools\.#\.(type|defer_loading|allowed_callers\.#)|input\.#\.(type|role|call_id|content\.#\.(type|detail|file_id|image_url|prompt_cache_breakpoint)|output\.#\.(type|prompt_cache_breakpoint)))$/,
    leftOut:
      /^(background|include|metadata|service_tier|store|stream_options|truncation|tools\.#\.(output_schema|defer_loading: false|allowed_callers\.#: "direct)|input\.#\.(id|status|phase|caller|namespace|name|content\.#\.(annotations|logprobs)))\b/,
  },
  {
    path: '/v1/embeddings',
    schema: 'CreateEmbeddingRequest',
    model: 'text-embedding-3-small',
    api: 'chat',
    refused: /^input\.#$/,
    leftOut: /^encoding_format\b/,
  },
  {
    path: '/v1/audio/speech',
    schema: 'CreateSpeechRequest',
    model: 'tts-1',
    api: 'chat',
    refused: /^response_format$/,
    leftOut: /^stream_format\b/,
  },
]

/** Branches of unions that are mostly refused: a body would seldom come through. */
const RARE =
  /Custom(Tool|$)|Audio|File|MCP|Computer|Shell|WebSearch|Code|ImageGen|Patch|FunctionMessage|Compaction|Reference|Program|ToolSearch|AdditionalTools|Namespace|ToolChoice(Types|Custom)|Allowed|Param$/
/** Fields that are refused whole, and kept in few bodies for the same reason. */
const SELDOM =
  /^(audio|background|context_management|conversation|functions?|function_call|max_tool_calls|modalities|moderation|n|prediction|previous_response_id|prompt|service_tier|truncation|web_search_options)$/

describe.skipIf(!hasSpec(SPEC))(specTestName("random requests by OpenAI's published specification", SPEC), () => {
  let invalid: OpenapiValidator
  let schemas: Record<string, Schema>
  beforeAll(() => {
    const document = parse(readSpec(SPEC))
    invalid = openapiValidator(document)
    schemas = document.components.schemas
  })

  it.each(routes)('are passed on by $path without a loss, or refused by name and not charged', async (route) => {
    const { path, schema, model, api, refused, leftOut } = route
    const dice = new Dice(SEED)
    const random = new RandomBody(schemas, { dice, rare: RARE })
    const server = await openLoopback()
    const compat = await openCompat({ provider: openaiOver(server, api) })
    const counts = { passed: 0, refused: 0 }
    for (let round = 0; round < 40; round++) {
      const body = withoutMost({ ...(random.make({ $ref: schema }) as object), model }, dice) as Record<string, unknown>
      if (api === 'responses') body.input ??= withoutMost(random.make({ $ref: 'InputParam' }), dice)
      if (invalid(schema, body).length > 0) continue
      const [seen, spent] = [server.requests.length, await compat.spent()]
      const answer = await compat.api.post(path, body)
      const context = `seed ${SEED}, round ${round}: ${JSON.stringify(body)}`
      if (answer.status === 200) {
        counts.passed++
        expect(server.requests.length, context).toBe(seen + 1)
        expect(lost(body, server.requests.at(-1)?.body ?? {}, leftOut), context).toEqual([])
      } else {
        counts.refused++
        expect([answer.status, invalid('ErrorResponse', answer.body)], context).toEqual([422, []])
        expect(String(answer.body.error?.param).replace(/\.\d+/g, '.#'), context).toMatch(refused)
        expect([server.requests.length, await compat.spent()], context).toEqual([seen, spent])
      }
    }
    expect(counts.passed).toBeGreaterThan(10)
    expect(counts.refused).toBeGreaterThan(0)
  })
})

/** The same without most of the fields that are refused, and without items that only another model's reasoning is in. */
function withoutMost(given: unknown, dice: Dice): unknown {
  if (Array.isArray(given)) {
    const kept = given.filter((item) => (item as { type?: unknown } | null)?.type !== 'reasoning')
    return kept.map((item) => withoutMost(item, dice))
  }
  if (typeof given !== 'object' || given === null) return given
  const kept = Object.entries(given).filter(([name]) => !SELDOM.test(name) || dice.chance(0.05))
  return Object.fromEntries(kept.map(([name, value]) => [name, withoutMost(value, dice)]))
}

/** The fields of `sent` that are not in `received`: each value under its own name, and what was said anywhere. */
function lost(sent: Record<string, unknown>, received: Record<string, unknown>, leftOut: RegExp): string[] {
  const whole = JSON.stringify(received)
  const values = new Set(leavesOf(received).map(({ name, value }) => `${name}=${value}`))
  const given = 'max_completion_tokens' in sent ? { ...sent, max_tokens: undefined } : sent
  return leavesOf(given).flatMap(({ path, name, value }) => {
    const field = `${path}: ${JSON.stringify(value)}`
    if (leftOut.test(field) || STRUCTURE.has(name)) return []
    if ([name, RENAMED[name]].some((each) => values.has(`${each}=${value}`))) return []
    return SAID.has(name) && whole.includes(JSON.stringify(value).slice(1, -1)) ? [] : [field]
  })
}

/** Say how a message is built, which may be done in another way to the same effect: several texts of an answer become one. */
const STRUCTURE: ReadonlySet<string> = new Set(['type', 'role'])
/** Hold what was said, which may move. Each text is unique, so it can be found again. */
const SAID: ReadonlySet<string> = new Set(['content', 'input', 'instructions', 'output', 'refusal', 'text'])
const RENAMED: Readonly<Record<string, string>> = { max_tokens: 'max_completion_tokens' }

interface Leaf {
  path: string
  /** The last name of its path. */
  name: string
  value: unknown
}

/** The values within a value. Those that are null or absent say nothing. */
function leavesOf(value: unknown, path: readonly string[] = []): Leaf[] {
  if (value === null || value === undefined) return []
  if (typeof value !== 'object') return [{ path: path.join('.'), name: path.findLast((name) => name !== '#') ?? '', value }]
  return Object.entries(value).flatMap(([name, inner]) => leavesOf(inner, [...path, Array.isArray(value) ? '#' : name]))
}
