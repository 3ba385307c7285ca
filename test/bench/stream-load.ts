import { Agent } from 'undici'

export interface StreamLoad {
  url: string
  body: string
  headers?: Record<string, string>
  connections: number
  /** Streams that are read in all. */
  streams: number
}

/** Milliseconds of each stream: until its first byte, and until its end. */
export interface StreamTimes {
  first: number[]
  whole: number[]
}

const LAST_WORD = 'word60'

/**
 * Reads streams of a server, each connection one after another.
 *
 * @throws {Error} one was not answered with 200, or ended before its last word
 */
export async function loadStreams({ url, body, headers, connections, streams }: StreamLoad): Promise<StreamTimes> {
  const agent = new Agent({ connections })
  const times: StreamTimes = { first: [], whole: [] }
  let left = streams
  const read = async () => {
    while (left-- > 0) {
      const started = performance.now()
      const answer = await agent.request({
        origin: new URL(url).origin,
        path: new URL(url).pathname,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      })
      let first: number | undefined
      let tail = ''
      for await (const chunk of answer.body) {
        first ??= performance.now() - started
        tail = (tail + (chunk as Buffer).toString()).slice(-4_096)
      }
      if (answer.statusCode !== 200 || !tail.includes(LAST_WORD)) {
        throw new Error(`${url} answered ${answer.statusCode}: ${tail}`)
      }
      times.first.push(first ?? Number.NaN)
      times.whole.push(performance.now() - started)
    }
  }
  try {
    await Promise.all(Array.from({ length: connections }, read))
  } finally {
    await agent.close()
  }
  return times
}

/**
 * Reads one stream whose server sends each word only after it was told that the one before has arrived. Resolves with the number of words,
 * or with how many had come when nothing came for two seconds.
 */
export async function stepThrough(
  { url, body, headers }: Pick<StreamLoad, 'url' | 'body' | 'headers'>,
  confirm: () => void,
): Promise<number> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
  if (!response.body) throw new Error(`${url} answered without a body`)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let words = 0
  let text = ''
  for (;;) {
    const step = await Promise.race([reader.read(), new Promise<undefined>((resolve) => setTimeout(resolve, 2_000, undefined))])
    if (!step || step.done) break
    text += step.value
    const seen = text.match(/"content":"word\d+ "/g)?.length ?? 0
    for (; words < seen; words += 1) confirm()
  }
  await reader.cancel().catch(() => undefined)
  return words
}
