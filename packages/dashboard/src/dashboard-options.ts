/** How to serve the dashboard. */
export interface DashboardOptions {
  /** The path of its pages, beginning with a slash. @defaultValue `/dashboard` */
  path?: string
  /**
   * Where the API is mounted, without `/api/v1`: `https://api.example.com`, or `/billing` under the pages' own origin. An API on
   * another origin must allow the pages' origin by CORS. @defaultValue the root of the pages' own origin
   */
  apiBase?: string
  /** The folder of the built pages, for a server that is bundled into one file. @defaultValue the folder in this package */
  pagesFolder?: string
  /**
   * Where browsers find the pages, if a proxy strips a prefix before it passes a request on: `/tools/dashboard`. The API is behind
   * the same proxy then, so `apiBase` is `/tools`. @defaultValue where the pages are in this server
   */
  publicPath?: string
}

/** The options, checked and with their defaults. */
export interface ResolvedDashboardOptions {
  /** Without a trailing slash; empty for the root. */
  readonly path: string
  readonly apiBase: string
  /** The origin of the API if it differs from that of the pages, for the content security policy. */
  readonly apiOrigin: string | undefined
  readonly pagesFolder: string | undefined
  /** Without a trailing slash; empty for the root, and `undefined` if it is the path in this server. */
  readonly publicPath: string | undefined
}

const known: Record<keyof DashboardOptions, true> = { path: true, apiBase: true, pagesFolder: true, publicPath: true }

/** A path from the root of an origin, without query. */
const PATH = /^\/(?!\/)[^?#\s]*$/

/** @throws {TypeError} an option is unknown or malformed; the message names it and what is known, or the value received */
export function resolveDashboardOptions(options: DashboardOptions): ResolvedDashboardOptions {
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(known, name))
  if (unknown.length > 0)
    throw new TypeError(`${unknown.join(', ')}: dashboard() has no such option; known are ${Object.keys(known).join(', ')}`)
  const { path = '/dashboard', apiBase = '', pagesFolder, publicPath } = options
  if (!path.startsWith('/') || /[?#\s]/.test(path)) {
    throw new TypeError(
      `path must begin with a slash and have neither query nor blanks, such as /dashboard; received ${JSON.stringify(path)}`,
    )
  }
  if (publicPath !== undefined && !PATH.test(publicPath)) {
    throw new TypeError(
      `publicPath must be the path at which browsers find the pages, such as /tools/dashboard; received ${JSON.stringify(publicPath)}`,
    )
  }
  const isPath = apiBase === '' || PATH.test(apiBase)
  const isAddress = /^https?:[^?#\s]+$/i.test(apiBase) && URL.canParse(apiBase)
  if (!isPath && !isAddress) {
    throw new TypeError(`apiBase must be a path or an http(s) address without /api/v1; received ${JSON.stringify(apiBase)}`)
  }
  return Object.freeze({
    path: path.replace(/\/+$/, ''),
    apiBase: apiBase.replace(/\/+$/, ''),
    apiOrigin: isPath ? undefined : new URL(apiBase).origin,
    pagesFolder,
    publicPath: publicPath?.replace(/\/+$/, ''),
  })
}
