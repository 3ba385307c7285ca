import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { ErrorLog } from '../../examples/gateway/src/error-log.ts'
import { startOpenaiLoopback } from '../loopback/openai.ts'
import { startGateway, temporaryFolder } from './gateway-process.ts'

test('an outage fills no disk: a failure is logged once with its cause, and then counted', async () => {
  const server = await startOpenaiLoopback()
  const folder = await temporaryFolder()
  onTestFinished(async () => {
    await server.close()
    await folder.drop()
  })
  server.fail({ type: 'status', status: 503 }, { times: 1_000 })
  const gateway = await startGateway({
    FAREBOX_DATA_DIR: folder.path,
    FAREBOX_DEMO_KEY: 'demo-key-1',
    OPENAI_API_KEY: server.apiKey,
    OPENAI_BASE_URL: server.url,
  })
  const before = gateway.output().length
  const headers = { authorization: 'Bearer demo-key-1', 'content-type': 'application/json' }
  const body = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] })
  for (let asked = 0; asked < 5; asked += 1) {
    expect((await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body })).status).toBe(502)
  }
  expect(await gateway.stop()).toBe(0)
  const logged = gateway.output().slice(before)
  expect(logged.match(/^\S+Z ProvidersFailedError/gm)).toHaveLength(1)
  expect(logged).toMatch(/^\S+Z and 4 more: ProvidersFailedError: .*gpt-4o unavailable/m)
})

describe('of errors', () => {
  let lines: unknown[][]
  let log: ErrorLog
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 })
    onTestFinished(() => void vi.useRealTimers())
    lines = []
    log = new ErrorLog((...line) => void lines.push(line))
  })
  const failed = (message: string) => new Error(message)

  test('the first of each kind is logged in full, and the others as a number after ten seconds', () => {
    const [first, other] = [failed('workflow 0a1b2c3d is gone'), failed('no room')]
    for (const error of [first, failed('workflow 99887766 is gone'), other, failed('workflow 00ff00ff is gone')]) log.add(error)
    const now = '1970-01-01T00:00:00.000Z'
    expect(lines).toEqual([
      [now, first],
      [now, other],
    ])
    vi.advanceTimersByTime(10_000)
    expect(lines.slice(2)).toEqual([['1970-01-01T00:00:10.000Z', 'and 2 more: Error: workflow 0a1b2c3d is gone']])
    log.add(other)
    expect(lines.at(-1)).toEqual(['1970-01-01T00:00:10.000Z', other])
    expect(lines).toHaveLength(4)
  })

  test('what was counted is told at the end too, once', () => {
    for (let count = 0; count < 3; count += 1) log.add('no error')
    log.end()
    log.end()
    vi.advanceTimersByTime(60_000)
    expect(lines.map(([, line]) => line)).toEqual(['no error', 'and 2 more: no error'])
  })

  test('those of more kinds than anybody would read are counted as one', () => {
    for (let kind = 0; kind < 1_000; kind += 1) log.add(failed(`reason ${'x'.repeat(kind)}`))
    log.end()
    expect(lines.length).toBeLessThan(60)
    expect(lines.at(-1)?.[1]).toMatch(/^and 949 more/)
  })
})
