/** How long the end of a body is waited for after all that it holds has come, in milliseconds: it takes nothing away where it does not come. */
const END_MS_MAX = 1_000

/** What reading on after the end of an answer brings: its closing mark, usually. `undefined` where that does not come in a while. */
export async function closingMark<Step>(reading: Promise<Step>): Promise<Step | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), END_MS_MAX)
  })
  try {
    return await Promise.race([reading, late])
  } finally {
    clearTimeout(timer)
  }
}
