/** The prefix that names a key, also where it is given with what every key begins with, or as the whole key, which no error should repeat. */
export function barePrefix(given: string): string {
  const bare = given.replace(/^fbx_/, '')
  return /^fbx_[0-9A-Za-z]{43}$/.test(given) ? bare.slice(0, 8) : bare
}
