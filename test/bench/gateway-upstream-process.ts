import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chatChunks, chatCompletion, resolveChat } from '../loopback/openai-answers.ts'

/**
 * What gateways stand in front of in their benchmark: answers every chat alike, whole or in 64 chunks, as fast as Node can. One whose question
 * is `step` is answered chunk by chunk, each after this process was told to go on.
 */
const CHUNKS = 64
const asked = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello there' }], stream: true }
const text = Array.from({ length: CHUNKS - 3 }, (_, index) => `word${index} `).join('')
const chat = resolveChat('chatcmpl-1', asked, { text, promptTokens: 40, completionTokens: 61 })
const whole = JSON.stringify(chatCompletion(chat))
const chunks = chatChunks(chat, true).map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
const done = 'data: [DONE]\n\n'
const jsonHeaders = {
  'content-type': 'application/json',
  'content-length': String(Buffer.byteLength(whole)),
  'x-request-id': 'req_1',
}
const streamHeaders = { 'content-type': 'text/event-stream; charset=utf-8', 'x-request-id': 'req_1' }

let goOn: (() => void) | undefined

const server = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const body = Buffer.concat(parts)
    if (!body.includes('"stream":true')) return response.writeHead(200, jsonHeaders).end(whole)
    response.writeHead(200, streamHeaders)
    if (body.includes('"step"')) return void step(response)
    for (const chunk of chunks) response.write(chunk)
    response.end(done)
  })
})
// Connections of pools stay open for longer than a benchmark pauses.
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
process.on('message', (message) => {
  if (message === 'stop') return process.exit(0)
  goOn?.()
})

async function step(response: ServerResponse): Promise<void> {
  for (const chunk of chunks) {
    const told = new Promise<void>((resolve) => {
      goOn = resolve
    })
    response.write(chunk)
    // A gateway has nothing to show for a chunk that says nothing.
    if (chunk.includes('"content":"word')) await told
  }
  response.end(done)
}
