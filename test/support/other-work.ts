/** Counts the turns of the event loop that other work gets from now on. Returns their number, and ends it. */
export function otherWork(): () => number {
  let turns = 0
  let next = setImmediate(function turn() {
    turns += 1
    next = setImmediate(turn)
  })
  return () => {
    clearImmediate(next)
    return turns
  }
}
