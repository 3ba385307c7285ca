/** How long to wait for the end of a body, in milliseconds, once the answer is complete and needs no more of it. */
const END_MS_MAX = 1_000

/** Waits briefly for what follows a complete answer, usually its closing mark. `undefined` if nothing arrives in time. */
export async function closingMark<Step>(reading: Promise<Step>, milliseconds = END_MS_MAX): Promise<Step | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds)
  })
  try {
    return await Promise.race([reading, late])
  } finally {
    clearTimeout(timer)
  }
}
