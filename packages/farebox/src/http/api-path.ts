const OWN = /^\/(api\/v1\/|healthz$|readyz$|metrics$|openapi\.json$)/

/** Whether a path is one of the API's, so that a host's server can keep the others. */
export function isApiPath(path: string): boolean {
  return OWN.test(path.split('?', 1)[0] ?? '')
}
