import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { bundleClient } from './bundle-client.ts'

/** What a page downloads for the client, compressed. Raise it when a new method is worth that. */
const GZIPPED_BYTES_MAX = 6_000

describe('bundled for a page', () => {
  let code: string

  beforeAll(async () => {
    code = await bundleClient()
  })

  it('imports nothing, and names nothing of Node', () => {
    expect(code).not.toMatch(/\brequire\(|\bimport\(|from["']|node:|\bprocess\.|\bBuffer\b|__dirname/)
  })

  it('has no lookbehind, for which a Safari before 16.4 refuses all of it', () => {
    expect(code).not.toMatch(/\(\?<[=!]/)
  })

  it('is small', () => {
    expect(gzipSync(code).byteLength).toBeLessThan(GZIPPED_BYTES_MAX)
  })

  it('works with what a page has, and nothing else', async () => {
    const sent: Request[] = []
    const fetch = async (input: string, init: RequestInit) => {
      sent.push(new Request(input, init))
      return Response.json({ account_id: 'a' })
    }
    const page = {
      fetch,
      Headers,
      FormData,
      Blob,
      Response,
      URLSearchParams,
      AbortSignal,
      AbortController,
      ReadableStream,
      crypto,
      setTimeout,
      clearTimeout,
      TextDecoder,
    }
    const context = createContext(page)
    await runInContext(
      `${code}; farebox.createClient({ baseUrl: 'https://api.example', apiKey: 'k' }).workflows.close('w')`,
      context,
    )
    expect(sent.map(({ url, method }) => `${method} ${url}`)).toEqual(['POST https://api.example/api/v1/workflows/w/close'])
  })

  it('runs in a bare Node too', async () => {
    const program = `${code}; farebox.createClient({ baseUrl: 'https://api.example', apiKey: 'k', fetch: async () => Response.json({ status: 'ok' }) }).health().then((answer) => console.log(answer.status))`
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', program])
    expect(stdout).toBe('ok\n')
  })
})
