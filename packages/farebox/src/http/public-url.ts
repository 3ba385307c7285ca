import { BlockList, isIP } from 'node:net'

/** Addresses that lead to a machine's own network, its neighbours, or a cloud's metadata. @source RFC 6890 and its registry */
const inside = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Azure's own agent, which every machine there reaches: a cloud's metadata at a public address.
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  inside.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 96],
  ['::ffff:0:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  inside.addSubnet(network, prefix, 'ipv6')
}

/**
 * `localhost.localdomain` is in the hosts file of many Linux machines, and pods of Kubernetes resolve `name.namespace.svc`. In
 * Google's cloud, `metadata.goog` is a name of the metadata server.
 */
const INSIDE_NAMES =
  /^(localhost|metadata\.goog|[^.]+)$|\.(localhost|localdomain\d?|local|internal|intranet|lan|home|corp|svc|home\.arpa)$/

/**
 * Whether a provider may be given a URL to fetch: by its host name, it leads to the public internet. Farebox itself fetches none,
 * but a model that a team runs in its own network would fetch from there.
 */
export function isPublicUrl(url: string): boolean {
  // Other parsers take a backslash, and the host that `URL` sees before it, for the user name in front of an `@`.
  if (!URL.canParse(url) || /[\\\s\p{Cc}]/u.test(url)) return false
  const { hostname, username, password } = new URL(url)
  if (username !== '' || password !== '') return false
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  // More than one dot at the end is no name, whatever a resolver makes of it.
  if (host.endsWith('.')) return false
  const version = isIP(host)
  if (version === 4) return !inside.check(host)
  // `BlockList` checks an IPv4-mapped address against the IPv4 networks.
  if (version === 6) return !inside.check(host, 'ipv6')
  return !INSIDE_NAMES.test(host)
}
