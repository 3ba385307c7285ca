import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { anthropic } from '@farebox/providers/anthropic'
import { cartesia } from '@farebox/providers/cartesia'
import { openai } from '@farebox/providers/openai'
import { describe, expect, it, onTestFinished } from 'vitest'
import { collect, failureOf } from './outcomes.ts'

const apiKey = 'a-key'
const context = { signal: new AbortController().signal, attemptId: 'a1' }
const hello = { model: 'a-model', messages: [{ role: 'user' as const, content: 'Hello' }] }
const speech = { model: 'gpt-4o-mini-tts', text: 'Hello', format: 'mp3' as const }

describe('an answer of a server that speaks a provider’s protocol in its own way', () => {
  it('has not ended with a finish reason that is empty', async () => {
    const piece = (finish_reason: string) => ({ choices: [{ index: 0, delta: { content: 'Hel' }, finish_reason }] })
    const cut = openai({ apiKey, baseURL: await serveEvents([piece('')]) })
    expect(await failureOf(collect(cut.streamChat?.(hello, context)))).toMatchObject({ kind: 'incomplete' })
    const whole = openai({ apiKey, baseURL: await serveEvents([piece(''), piece('stop')]) })
    expect((await collect(whole.streamChat?.(hello, context))).at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop' })
  })

  it('is of the model that was asked for, where it names none', async () => {
    const choice = { message: { content: 'Hi' }, finish_reason: 'stop' }
    const vectors = [{ index: 0, embedding: [1] }]
    const blank = { model: '', choices: [choice], data: vectors, status: 'completed', output: [], content: [] }
    const server = await serve('application/json', (response) => response.end(JSON.stringify(blank)))
    expect(await openai({ apiKey, baseURL: server }).chat?.(hello, context)).toMatchObject({ model: 'a-model' })
    expect(await openai({ apiKey, baseURL: server, api: 'responses' }).chat?.(hello, context)).toMatchObject({ model: 'a-model' })
    expect(await openai({ apiKey, baseURL: server }).embed?.({ model: 'a-model', inputs: ['Hello'] }, context)).toMatchObject({
      model: 'a-model',
    })
    expect(await anthropic({ apiKey, baseURL: server }).chat?.(hello, context)).toMatchObject({ model: 'a-model' })
  })

  it('is no speech where there is nothing to hear', async () => {
    const done = { type: 'speech.audio.done', usage: { input_tokens: 1, output_tokens: 0, total_tokens: 1 } }
    const adapter = openai({ apiKey, baseURL: await serveEvents([done]) })
    for (const hear of [() => adapter.speak?.(speech, context), () => collect(adapter.streamSpeech?.(speech, context))]) {
      expect(await failureOf(hear())).toMatchObject({ kind: 'incomplete', usage: { certainty: 'ceiling' } })
    }
  })

  it('is no speech where it is a page, and costs nothing, however it was asked for', async () => {
    const page = await serve('text/html', (response) => response.end('<h1>Down for a while</h1>'))
    const adapter = cartesia({ apiKey, baseURL: page })
    for (const format of ['mp3', 'pcm'] as const) {
      const heard = collect(adapter.streamSpeech?.({ model: 'sonic-3', text: 'Hello', format }, context))
      expect(await failureOf(heard)).toMatchObject({ kind: 'malformed', usage: undefined })
    }
  })
})

function serveEvents(events: readonly object[]): Promise<string> {
  return serve('text/event-stream', (response) =>
    response.end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')),
  )
}

async function serve(mediaType: string, answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume()
    request.once('end', () => answer(response.writeHead(200, { 'content-type': mediaType })))
  })
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
