import { z } from 'zod'
import { isPublicUrl } from '../http/public-url.ts'
import { text } from '../http/schemas.ts'

/** The model that a request names. It is also looked up among the account's agents, so a database must accept it. */
export const modelName = text

/** Text in a request. */
export const said = z.string().max(400_000)

/** Texts that end the answer, and are left out of it. */
export const stopSequences = z.union([z.string(), z.array(z.string()).max(16)]).nullish()

/** Stop sequences as a workflow takes them. */
export function stopOf(given: z.output<typeof stopSequences>): string[] | undefined {
  return typeof given === 'string' ? [given] : (given ?? undefined)
}

/** The URL of an image. */
export const imageUrl = z
  .string()
  .regex(/^(https:\/\/|data:image\/)/i, 'must be an https: URL or a data: URL of an image')
  .refine((url) => /^data:/i.test(url) || isPublicUrl(url), 'must not lead into a private network')

/** A field of OpenAI's that is not supported. A request may omit it or set it to `null`. */
export function refused(why: string) {
  return z.null(why).optional().describe(`Must be absent or null. Any other value fails: “${why}”`)
}

/** What an answer consists of. Other servers take it in Responses too, to make images. */
export const modalities = z.array(z.literal('text', 'must be text: audio is not supported here')).nullish()

/**
 * With `fast`, Claude costs a multiple behind servers that pass it on, for the same tokens.
 *
 * @source https://platform.claude.com/docs/en/build-with-claude/fast-mode
 */
export const speed = z.literal('standard', 'must be standard: another speed has other prices').nullish()

/** A mark within a message. Left out, it would change what the prompt costs: with `mode: explicit`, nothing else is cached. */
export const promptCacheBreakpoint = refused('is not supported: leave it out, and the provider chooses what to cache')

const OTHER_MODEL = 'is not supported: give one model, whose price is known'
const OTHER_SERVER = 'is not supported: how the provider serves a request is not for its caller to choose'
const SEARCH = 'is not supported: it costs more than tokens'

/**
 * Fields that other servers with OpenAI's API take: OpenRouter, LiteLLM (`fallbacks`, and `extra_body`, whose fields replace those beside
 * it), Vercel's gateway (`providerOptions`), xAI, Alibaba (`enable_search`). With them, one model would serve at the price of another, or
 * cost more than its tokens.
 *
 * @source https://openrouter.ai/docs/api-reference/overview: `models`, `route`, `preset`, `provider`, `plugins`
 * @source https://docs.litellm.ai/docs/proxy/client_side_fallbacks; LiteLLM's `router.py` (`context_window_fallbacks`,
 * `content_policy_fallbacks`) and `utils.py` (`extra_body`)
 * @source https://reference.langchain.com/javascript/modules/_langchain_xai.html: `search_parameters`
 */
export const refusedOfOthers = {
  models: refused(OTHER_MODEL),
  fallbacks: refused(OTHER_MODEL),
  context_window_fallbacks: refused(OTHER_MODEL),
  content_policy_fallbacks: refused(OTHER_MODEL),
  extra_body: refused('is not supported: give its fields beside the others, so that they are checked'),
  route: refused(OTHER_MODEL),
  preset: refused(OTHER_SERVER),
  provider: refused(OTHER_SERVER),
  providerOptions: refused(OTHER_SERVER),
  plugins: refused(SEARCH),
  search_parameters: refused(SEARCH),
  enable_search: z.literal(false, SEARCH).nullish(),
}

/**
 * Fields of chats with which one answer costs more than what is held for it: more answers, a limit that replaces ours, a longer
 * prompt, or what is no token. Each API refuses those of the other too, because other servers take them in both.
 *
 * @source OpenAI's OpenAPI document: `n`, `prediction`, `web_search_options` of chats
 * @source vLLM's `ChatCompletionRequest`: `best_of`, `chat_template`, `mm_processor_kwargs` (the size of images)
 * @source llama.cpp's `oaicompat_chat_params_parse`: `n_predict` replaces the limit on the answer
 */
export const refusedBeyondHold = {
  n: z.literal(1, 'must be 1: ask again for another answer').nullish(),
  best_of: z.literal(1, 'must be 1: ask again for another answer').nullish(),
  n_predict: refused('is not supported: limit the answer by the name that this API has for it'),
  audio: refused('is not supported: use /v1/audio/speech'),
  prediction: refused('is not supported'),
  web_search_options: refused('is not supported'),
  chat_template: refused('is not supported: the prompt would be another than the one that is paid for'),
  mm_processor_kwargs: refused('is not supported: images would take other tokens than those that are paid for'),
}

/** The reason for refusing fields that refer to earlier requests. */
export const NOTHING_STORED = 'is not supported, since nothing is stored: send the whole conversation'

/**
 * A body whose other fields are passed on. Some servers take a field by another spelling of its name too, which would evade what
 * is refused here: `N` for `n`, `serviceTier` for `service_tier`.
 *
 * @source Go's `encoding/json` and ASP.NET's defaults ignore the case of names; https://protobuf.dev/programming-guides/json
 */
export function openBody<Shape extends z.ZodRawShape>(shape: Shape) {
  const names = new Map(Object.keys(shape).map((name) => [spelledAlike(name), name]))
  return z.looseObject(shape).superRefine((body, { addIssue }) => {
    for (const [name, value] of Object.entries(body)) {
      const known = Object.hasOwn(shape, name) ? undefined : names.get(spelledAlike(name))
      if (known === undefined || value === null) continue
      addIssue({ code: 'custom', path: [name], message: `must be spelled ${known}` })
    }
  })
}

/** The same for all spellings of a name. Upper case first, as `ſ` has no other way to `s`. */
function spelledAlike(name: string): string {
  return name.replace(/[-_]/g, '').toUpperCase().toLowerCase()
}

/** The fields of a body that its schema does not name: OpenAI's parameters to pass on. */
export function givenOptions(body: Record<string, unknown>, { shape }: { shape: object }): Record<string, unknown> {
  const others = Object.entries(body).filter(
    ([name, value]) => !Object.hasOwn(shape, name) && value !== null && value !== undefined,
  )
  return Object.fromEntries(others)
}

/** A copy without the fields that are `null` or `undefined`. */
export function present<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)) as never
}
