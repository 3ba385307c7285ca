import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openai } from '@farebox/providers/openai'
import { expect, it, onTestFinished } from 'vitest'
import { collect } from './outcomes.ts'

const context = { signal: new AbortController().signal, attemptId: 'a1' }

type Piece = { index?: number; id?: string; function: { name?: string; arguments?: string } }

/** The calls that a stream of these pieces amounts to, from a server that speaks OpenAI's protocol in its own way. */
async function callsOf(pieces: readonly (readonly Piece[])[]) {
  const chunk = (delta: object, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/event-stream')
    for (const tool_calls of pieces) response.write(chunk({ tool_calls }))
    response.end(`${chunk({}, 'tool_calls')}data: [DONE]\n\n`)
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const adapter = openai({ apiKey: 'sk', baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` })
  const request = { model: 'm', messages: [{ role: 'user' as const, content: 'Weather?' }] }
  const calls: { id?: string; name?: string; text: string }[] = []
  for (const event of await collect(adapter.streamChat?.(request, context))) {
    if (event.type !== 'tool_call') continue
    const { id, name, arguments: text } = event
    const call = calls[event.index]
    if (call) call.text += text
    else calls[event.index] = { id, name, text }
  }
  return calls
}

const graz = { name: 'weather', arguments: '{"at":"Graz"}' }
const linz = { name: 'weather', arguments: '{"at":"Linz"}' }
const both = [
  { id: 'c1', name: 'weather', text: '{"at":"Graz"}' },
  { id: 'c2', name: 'weather', text: '{"at":"Linz"}' },
]

it.each<[string, Piece[][]]>([
  ['whole and without an index', [[{ id: 'c1', function: graz }], [{ id: 'c2', function: linz }]]],
  [
    'whole, together and without an index',
    [
      [
        { id: 'c1', function: graz },
        { id: 'c2', function: linz },
      ],
    ],
  ],
  ['all under the index 0', [[{ index: 0, id: 'c1', function: graz }], [{ index: 0, id: 'c2', function: linz }]]],
  [
    'from index 1 on, with their ids in each piece',
    [
      [{ index: 1, id: 'c1', function: { name: 'weather', arguments: '' } }],
      [{ index: 2, id: 'c2', function: { name: 'weather', arguments: '{"at":' } }],
      [{ index: 1, id: 'c1', function: { arguments: '{"at":"Graz"}' } }],
      [{ index: 2, id: 'c2', function: { arguments: '"Linz"}' } }],
    ],
  ],
  [
    'in pieces without an index',
    [
      [{ id: 'c1', function: { name: 'weather', arguments: '' } }],
      [{ function: { arguments: '{"at":"Graz"}' } }],
      [{ id: 'c2', function: { name: 'weather', arguments: '{"at":' } }],
      [{ function: { arguments: '"Linz"}' } }],
    ],
  ],
  [
    'with the name in each piece',
    [
      [{ index: 0, id: 'c1', function: { name: 'weather', arguments: '{"at":' } }],
      [{ index: 0, function: { name: 'weather', arguments: '"Graz"}' } }],
      [{ index: 1, id: 'c2', function: linz }],
    ],
  ],
  [
    'with another id in each piece',
    [
      [{ index: 0, id: 'c1', function: { name: 'weather', arguments: '{"at":' } }],
      [{ index: 0, id: 'c1b', function: { arguments: '"Graz"}' } }],
      [{ index: 1, id: 'c2', function: { name: 'weather', arguments: '{"at":"Linz"}' } }],
    ],
  ],
])('calls of several tools stay apart where a server sends them %s', async (_, pieces) => {
  expect(await callsOf(pieces)).toEqual(both)
})
