/** The prefix that names a key. Also accepts it after `fbx_`, and accepts a whole key, so that no error repeats the key. */
export function barePrefix(given: string): string {
  const bare = given.replace(/^fbx_/, '')
  return /^fbx_[0-9A-Za-z]{43}$/.test(given) ? bare.slice(0, 8) : bare
}
