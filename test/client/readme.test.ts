import { readFileSync } from 'node:fs'
import { createClient, FareboxApiError, ServicePresets } from '@farebox/client'
import { credits } from '@farebox/core'
import { expect, it, vi } from 'vitest'
import { openAccount, openBox } from '../farebox/open-box.ts'
import { serveApi } from './serve-api.ts'

it('does what the README shows', async () => {
  const box = await openBox()
  const { key } = await openAccount(box, { balance: credits(3) })
  const url = await serveApi(box)
  const { fetch } = globalThis
  vi.stubGlobal('fetch', (input: string, init: RequestInit) => {
    const headers = new Headers(init.headers)
    headers.set('authorization', headers.get('authorization')?.replace('fbx_your_key', key) ?? '')
    return fetch(input.replace('https://example.com', url), { ...init, headers })
  })
  const showTopUp = vi.fn()
  try {
    const client = createClient({ baseUrl: 'https://example.com', apiKey: 'fbx_your_key' })

    const agent = await client.agents.create({
      custom_settings: { service_configuration: ServicePresets.costOptimized() },
    })
    const { text, receipt } = await client.agents.chat(agent.agent_id, { message: 'How much does a call cost?' })
    const { credit_balance } = await client.credits()
    const shown: string[] = []
    const show = (text: string) => shown.push(text)
    expect({ text, receipt, credit_balance }).toMatchObject({ receipt: { total_credits_used: 1 }, credit_balance: 2 })

    const stream = await client.agents.streamChat(agent.agent_id, { message: 'And a long one?' })
    for await (const text of stream.texts()) show(text)
    expect(shown.join('')).toContain('And a long one?')
    try {
      await client.agents.chat(agent.agent_id, { message: 'And a long one?' })
    } catch (error) {
      if (error instanceof FareboxApiError && error.code === 'INSUFFICIENT_CREDITS') {
        showTopUp(error.problem.needed, error.problem.available)
      }
    }
    expect(showTopUp.mock.calls).toEqual([['2', '1']])
  } finally {
    vi.unstubAllGlobals()
  }
})

it('is what the README shows', () => {
  const readme = readFileSync(new URL('../../packages/client/README.md', import.meta.url), 'utf8')
  const here = withoutIndentation(readFileSync(import.meta.filename, 'utf8'))
  const lines = [...readme.matchAll(/```ts\n(.*?)```/gs)].flatMap(([, snippet = '']) => withoutIndentation(snippet))
  expect(lines.length).toBeGreaterThan(10)
  expect(lines.filter((line) => !here.includes(line) && !line.startsWith('import '))).toEqual([])
})

function withoutIndentation(text: string): string[] {
  return text.split('\n').map((line) => line.trim())
}
