const NAMES_MAX = 5

/** The names most similar to `wanted`, nearest first. Equally near names keep their order. */
export function nearestNames(wanted: string, names: Iterable<string>): string[] {
  // What untyped programs give may be no text. Throwing here would hide the error that names it.
  const lower = String(wanted).toLowerCase()
  return [...new Set(names)]
    .map((name) => ({ name, distance: editDistance(lower, name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, NAMES_MAX)
    .map(({ name }) => name)
}

/** Levenshtein distance: how many characters to insert, delete or replace to turn one text into the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
