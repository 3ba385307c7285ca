const OWN = /^\/(api\/v1\/|healthz$|readyz$|metrics$|openapi\.json$)/
/** Those of OpenAI that there are, one by one: a host may have a `/v1` of its own. */
const OPENAI = /^\/v1\/(chat\/completions|responses|embeddings|audio\/(speech|transcriptions)|models(\/.+)?)$/

/** Whether a path is one of the API's, so that a host's server can keep the others. */
export function isApiPath(path: string): boolean {
  const [bare = ''] = path.split('?', 1)
  return OWN.test(bare) || OPENAI.test(bare)
}
