import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chatCompletion, resolveChat } from '../loopback/openai-answers.ts'

/** Answers every chat with the same completion, as fast as Node can: what a benchmark of the client calls in another process. */
if (process.send) {
  const asked = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello there' }], stream: false }
  const text = 'The heron sleeps on one leg, and hunts at dusk. '.repeat(8)
  const answer = JSON.stringify(chatCompletion(resolveChat('chatcmpl-1', asked, { text })))
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(answer)),
    'x-request-id': 'req_1',
  }
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200, headers).end(answer))
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit())
}
