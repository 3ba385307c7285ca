const OWN = /^\/(api\/v1\/|healthz$|readyz$|metrics$|openapi\.json$)/
/** The OpenAI-compatible paths, one by one: a host may have a `/v1` of its own. */
const OPENAI = /^\/v1\/(chat\/completions|responses|embeddings|audio\/(speech|transcriptions)|models(\/.+)?)$/

/** Whether the API serves a path. A host's server can keep all others for itself. */
export function isApiPath(path: string): boolean {
  const [bare = ''] = path.split('?', 1)
  return OWN.test(bare) || OPENAI.test(bare)
}
