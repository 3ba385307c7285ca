import { describe, expect, it } from 'vitest'
import { type ApiAnswer, serveApi } from './api-client.ts'
import { openAccount, openBox, storeNames } from './open-box.ts'

const ADMIN = 'admin-token'

/** What is wrong, by field. */
function problems({ body }: ApiAnswer): Record<string, string> {
  return Object.fromEntries(Object.values(body.errors ?? {}).map(({ field, problem }) => [String(field), String(problem)]))
}

describe.each(storeNames)('over %s', (on) => {
  it('a model whose name no database takes is refused by its field, and is not an error of ours', async () => {
    const box = await openBox({ on })
    const api = await serveApi(box, (await openAccount(box)).key)
    for (const model of ['\u0000', 'gpt\u0007', '\ud800']) {
      const asked = [
        await api.post('/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hello' }] }),
        await api.post('/v1/responses', { model, input: 'hello' }),
        await api.post('/v1/embeddings', { model, input: 'hello' }),
        await api.post('/v1/audio/speech', { model, input: 'hello' }),
      ]
      for (const { status, body } of asked) expect([status, body.error?.param]).toEqual([422, 'model'])
    }
  })
})
