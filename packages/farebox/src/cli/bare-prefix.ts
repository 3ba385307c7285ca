/** The prefix that names a key, also where it is given with what every key begins with. */
export function barePrefix(given: string): string {
  return given.replace(/^fbx_/, '')
}
