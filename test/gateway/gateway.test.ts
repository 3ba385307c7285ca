import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Ledger } from '@farebox/ledger'
import { sqlite } from '@farebox/ledger/sqlite'
import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { adminTokenIn } from '../../examples/gateway/src/data-folder.ts'
import { startOpenaiLoopback } from '../loopback/openai.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { failingGateway, startGateway, temporaryFolder } from './gateway-process.ts'

const run = promisify(execFile)
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let database: TestDatabase

beforeAll(async () => {
  folder = await temporaryFolder()
  database = await createTestDatabase()
})
afterAll(async () => {
  await folder.drop()
  await database.drop()
})

/** A data folder that no other test uses. */
function dataFolder(name: string): Record<string, string> {
  return { FAREBOX_DATA_DIR: join(folder.path, name) }
}

async function credits(url: string, key: string): Promise<unknown> {
  const reply = await fetch(`${url}/api/v1/credits`, { headers: { authorization: `Bearer ${key}` } })
  return ((await reply.json()) as { credit_balance: number }).credit_balance
}

describe.each([
  ['SQLite', () => dataFolder('first')],
  ['Postgres', () => ({ ...dataFolder('first-postgres'), DATABASE_URL: database.url })],
])('on %s', (store, settings) => {
  test('the first start prints a key, an admin token and commands that work when pasted; the second tells how to make another', async () => {
    const first = await startGateway(settings())
    const printed = first.output()
    expect(printed).toContain(`store: ${store === 'Postgres' ? 'Postgres' : folder.path}`)
    expect(printed).toMatch(/simulated +gpt, vision, voice_stt, voice_tts, phone/)
    const key = /demo key: (fbx_\S+)/.exec(printed)?.[1] ?? ''
    const admin = /admin token: (fba_[^,\s]+)/.exec(printed)?.[1] ?? ''
    expect(await credits(first.url, key)).toBe(100_000)

    const front = await fetch(`${first.url}/`, { redirect: 'manual' })
    expect([front.status, front.headers.get('location')]).toEqual([302, '/dashboard'])
    // Links in letters and chats carry where they were clicked.
    const linked = await fetch(`${first.url}/?utm_source=letter`, { redirect: 'manual' })
    expect([linked.status, linked.headers.get('location')]).toEqual([302, '/dashboard'])

    const commands = printed.split('\n').filter((line) => line.startsWith('  curl'))
    const { stdout } = await run('sh', ['-c', commands[0] ?? ''])
    expect(JSON.parse(stdout)).toMatchObject({ simulated: true, receipt: { total_credits_used: 1 } })
    await run('sh', ['-c', (commands[1] ?? '').replace('-o answer.json', `-o ${folder.path}/answer.json`)])
    const { stdout: answer } = await run('cat', [`${folder.path}/answer.json`], { maxBuffer: 10_000_000 })
    const { receipt } = JSON.parse(answer) as { receipt: { total_credits_used: number } }
    expect(await credits(first.url, key)).toBe(100_000 - 1 - receipt.total_credits_used)

    const opened = await fetch(`${first.url}/api/v1/admin/accounts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Ada', credits: 10 }),
    })
    expect(opened.status).toBe(201)
    expect(await first.stop('SIGTERM')).toBe(0)
    expect(first.output()).toContain('closed')

    const second = await startGateway(settings())
    expect(second.output()).not.toContain(key)
    expect(second.output()).not.toContain(admin)
    expect(await credits(second.url, key)).toBe(100_000 - 1 - receipt.total_credits_used)
    const another = second
      .output()
      .split('\n')
      .find((line) => line.startsWith('  curl'))
    const { stdout: made } = await run('sh', ['-c', another ?? ''])
    expect(await credits(second.url, (JSON.parse(made) as { key: string }).key)).toBe(100_000 - 1 - receipt.total_credits_used)
    expect(await second.stop('SIGINT')).toBe(0)
  })
})

test('OpenAI’s client chats with it when its base URL is changed', async () => {
  const gateway = await startGateway({ ...dataFolder('openai'), FAREBOX_DEMO_KEY: 'fbx_demo_of_mine' })
  const client = new OpenAI({ apiKey: 'fbx_demo_of_mine', baseURL: `${gateway.url}/v1` })
  const chat = { model: 'demo', messages: [{ role: 'user' as const, content: 'What is a farebox?' }] }
  const answer = await client.chat.completions.stream(chat).finalChatCompletion()
  expect(answer.choices[0]?.message.content).toContain('What is a farebox?')
  expect(await credits(gateway.url, 'fbx_demo_of_mine')).toBe(99_999)
})

test('a key of the demo account can be chosen, also later', async () => {
  const settings = { ...dataFolder('chosen'), FAREBOX_DEMO_KEY: 'fbx_chosen_by_the_operator' }
  const first = await startGateway(settings)
  expect(await credits(first.url, 'fbx_chosen_by_the_operator')).toBe(100_000)
  await first.stop()
  const second = await startGateway({ ...settings, FAREBOX_DEMO_KEY: 'fbx_another_one' })
  expect(await credits(second.url, 'fbx_another_one')).toBe(100_000)
  await second.stop()
})

// Each start wrote it to the log.
test('a chosen key is not printed: the printed commands take it from the environment', async () => {
  const settings = { ...dataFolder('unprinted'), FAREBOX_DEMO_KEY: 'fbx_chosen_by_the_operator' }
  const gateway = await startGateway(settings)
  expect(gateway.output()).not.toContain('fbx_chosen')
  const commands = gateway
    .output()
    .split('\n')
    .filter((line) => line.startsWith('  curl'))
  const { stdout } = await run('sh', ['-c', commands[0] ?? ''], { env: { ...process.env, ...settings } })
  expect(JSON.parse(stdout)).toMatchObject({ simulated: true })
})

// The start said that the key had been printed at the first one, and the key that was set opened nothing.
test('a chosen key that cannot be one of the demo account is refused', async () => {
  const settings = { ...dataFolder('not-chosen'), FAREBOX_DEMO_KEY: 'fbx_chosen_by_the_operator' }
  const first = await startGateway(settings)
  await first.stop()
  const { code, output } = await failingGateway({ ...settings, FAREBOX_DEMO_KEY: 'fbx_chosen_by_somebody_else' })
  expect(code).toBe(1)
  expect(output).toMatch(/^farebox: FAREBOX_DEMO_KEY was revoked, or its first 8 characters .*\n$/)
})

// Its operator was told to remove it.
test('an admin token that another gateway has made and not written yet is waited for', async () => {
  const settings = dataFolder('at-once')
  await mkdir(settings.FAREBOX_DATA_DIR ?? '')
  const file = join(settings.FAREBOX_DATA_DIR ?? '', 'admin-token')
  await writeFile(file, '')
  const found = adminTokenIn(settings.FAREBOX_DATA_DIR ?? '').catch((error: unknown) => error)
  await sleep(20)
  await writeFile(file, 'fba_of_the_other\n')
  expect(await found).toEqual({ token: 'fba_of_the_other', isNew: false, file })
})

test('a signal lets the request under way end, and a second signal does not cut it', async () => {
  const loopback = await startOpenaiLoopback()
  const gateway = await startGateway({
    ...dataFolder('drain'),
    FAREBOX_DEMO_KEY: 'fbx_demo_key',
    OPENAI_API_KEY: loopback.apiKey,
    OPENAI_BASE_URL: loopback.url,
  })
  expect(gateway.output()).toMatch(/real +openai: gpt, vision, voice_stt, voice_tts/)
  expect(gateway.output()).toMatch(/simulated +phone/)
  const fault = loopback.fail({ type: 'silence' })
  const answer = fetch(`${gateway.url}/api/v1/agent/demo/chat`, {
    method: 'POST',
    headers: { authorization: 'Bearer fbx_demo_key', 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'Are you there?' }),
  })
  await fault.struck
  gateway.kill('SIGTERM')
  gateway.kill('SIGTERM')
  await expect.poll(() => gateway.output()).toContain('SIGTERM: finishing')
  await expect(fetch(`${gateway.url}/healthz`)).rejects.toThrow()
  // The provider hangs up at last; the gateway tries the next one, and answers.
  fault.release()
  expect((await answer).status).toBe(200)
  expect(await gateway.exited).toBe(0)
  await loopback.close()
})

test('a signal lets a stream under way end, and what it cost is charged', async () => {
  const loopback = await startOpenaiLoopback({
    chat: () => ({ text: 'one two three four', promptTokens: 2_000, completionTokens: 500 }),
  })
  const settings = { ...dataFolder('drain-stream'), FAREBOX_DEMO_KEY: 'fbx_demo_key', OPENAI_API_KEY: loopback.apiKey }
  const gateway = await startGateway({ ...settings, OPENAI_BASE_URL: loopback.url, DEFAULT_AI_MODEL: 'gpt-4o' })
  const stall = loopback.fail({ type: 'stall', after: 3 })
  const answer = await fetch(`${gateway.url}/api/v1/agent/demo/chat`, {
    method: 'POST',
    headers: { authorization: 'Bearer fbx_demo_key', 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'Are you there?', stream: true }),
  })
  await stall.struck
  gateway.kill('SIGTERM')
  await expect.poll(() => gateway.output()).toContain('SIGTERM: finishing')
  await expect(fetch(`${gateway.url}/healthz`)).rejects.toThrow()
  stall.release()
  const told = await answer.text()
  expect(told).toMatch(/event: text.*event: (finish|error)/s)
  expect(await gateway.exited).toBe(0)
  await loopback.close()
  const ledger = new Ledger(sqlite({ filename: join(folder.path, 'drain-stream', 'farebox.db') }))
  const [account] = await ledger.accounts()
  await ledger.close()
  expect(account).toMatchObject({ held: 0n, balance: expect.toSatisfy((balance: bigint) => balance < 100_000_000_000n) })
})

test('the providers to try first are settings, for the demo agent and new ones too', async () => {
  const gateway = await startGateway({
    ...dataFolder('defaults'),
    FAREBOX_DEMO_KEY: 'fbx_demo_key',
    DEFAULT_AI_MODEL: 'gpt-4',
    DEFAULT_TTS_PROVIDER: 'cartesia',
    DEFAULT_STT_PROVIDER: 'openai-whisper',
    COST_OPTIMIZATION_ENABLED: 'false',
  })
  const post = async (path: string, body: object) => {
    const headers = { authorization: 'Bearer fbx_demo_key', 'content-type': 'application/json' }
    const answer = await fetch(gateway.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    return (await answer.json()) as Record<string, unknown>
  }
  expect(await post('/api/v1/agent/demo/chat', { message: 'hello' })).toMatchObject({ provider: 'gpt-4' })
  expect((await post('/api/v1/agent/create', {})).service_configuration).toMatchObject({
    primary_ai_model: 'gpt-4',
    tts_provider: 'cartesia',
    stt_provider: 'openai-whisper',
    cost_optimization: false,
  })
  await gateway.stop()
})

test('its limits are settings', async () => {
  const settings = {
    FAREBOX_DEMO_KEY: 'fbx_demo_key',
    FAREBOX_REQUESTS_PER_MINUTE: '2',
    FAREBOX_CORS_ORIGINS: 'https://app.example.com',
  }
  const gateway = await startGateway({ ...dataFolder('limits'), ...settings })
  const headers = { authorization: 'Bearer fbx_demo_key', origin: 'https://app.example.com' }
  const ask = () => fetch(`${gateway.url}/api/v1/credits`, { headers })
  const answers = [await ask(), await ask(), await ask()]
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429])
  expect(answers[2]?.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
  await gateway.stop()
  const { code, output } = await failingGateway({ ...dataFolder('limits-2'), FAREBOX_CORS_ORIGINS: '*' })
  expect([code, output]).toEqual([
    1,
    'farebox: FAREBOX_CORS_ORIGINS must be origins with commas between, such as https://app.example.com\n',
  ])
})

describe('what cannot work is said in one line, and the exit code is 1', () => {
  test('a port in use', async () => {
    const first = await startGateway(dataFolder('port'))
    const { code, output } = await failingGateway({ ...dataFolder('port-2'), PORT: new URL(first.url).port })
    expect(code).toBe(1)
    expect(output).toMatch(/^farebox: port \d+ on 127\.0\.0\.1 is in use: .*PORT\n$/)
    await first.stop()
  })

  // By what they are and not by their permissions, which do not stop root.
  test.each([
    ['a file', () => join(folder.path, 'a-file')],
    ['below a file', () => join(folder.path, 'a-file', 'deep', 'data')],
    ['where nothing can be made', () => '/proc/farebox/data'],
  ])('a data folder that is %s', async (_, path) => {
    await writeFile(join(folder.path, 'a-file'), '')
    const { code, output } = await failingGateway({ FAREBOX_DATA_DIR: path() })
    expect(code).toBe(1)
    expect(output).toMatch(/^farebox: cannot write to the data folder .*FAREBOX_DATA_DIR\n$/)
  })

  test.each([
    ['mysql://localhost/x', /^farebox: DATABASE_URL must begin with postgres:\/\/\n$/],
    ['postgres://127.0.0.1:1/x', /^farebox: cannot open the store, see DATABASE_URL: .*ECONNREFUSED.*\n$/],
  ])('DATABASE_URL %s', async (url, line) => {
    const { code, output } = await failingGateway({ ...dataFolder('url'), DATABASE_URL: url })
    expect(code).toBe(1)
    expect(output).toMatch(line)
  })

  test('settings that are no port and no flag', async () => {
    const { code, output } = await failingGateway({ ...dataFolder('flags'), PORT: '99999', COST_OPTIMIZATION_ENABLED: 'perhaps' })
    expect(code).toBe(1)
    expect(output).toMatch(/^farebox: PORT .*; COST_OPTIMIZATION_ENABLED must be true or false\n$/)
  })

  // Each was taken, and with it nobody could ask, or not at the port that was meant.
  test('a port that is blank, and secrets that nobody can send', async () => {
    const settings = { PORT: ' ', FAREBOX_ADMIN_TOKEN: 'geheimschlüssel', FAREBOX_DEMO_KEY: 'fbx_schlüssel' }
    const { code, output } = await failingGateway({ ...dataFolder('unsendable'), ...settings })
    expect(code).toBe(1)
    expect(output).toBe(
      'farebox: PORT must be a port number; FAREBOX_ADMIN_TOKEN must have at least 8 characters, all of them visible ASCII; ' +
        'FAREBOX_DEMO_KEY must have at least 8 characters, all of them visible ASCII\n',
    )
  })

  test.each([
    [
      { FAREBOX_WEBHOOK_URL: 'nonsense', FAREBOX_WEBHOOK_SECRET: `whsec_${randomBytes(24).toString('base64')}` },
      /^farebox: FAREBOX_WEBHOOK_URL and FAREBOX_WEBHOOK_SECRET: url of a webhook must begin with .*\n$/,
    ],
    [
      { FAREBOX_CREDIT_USD: '0.000000000001', FAREBOX_MARKUP_PERCENT: '999999' },
      /^farebox: FAREBOX_CREDIT_USD and FAREBOX_MARKUP_PERCENT make prices that cannot be written: [^;]+\n$/,
    ],
  ])('what does not do is told by its name: %o', async (settings, line) => {
    const { code, output } = await failingGateway({ ...dataFolder('unfit'), ...settings })
    expect(code).toBe(1)
    expect(output).toMatch(line)
  })

  // The admin routes were closed to everybody, and the start said nothing of it.
  test.each([
    ['nothing, as a disk that was full leaves it', ''],
    ['a single letter', 'x\n'],
    ['words', 'to be filled in\n'],
  ])('a kept admin token that is %s', async (_, kept) => {
    const settings = dataFolder(`kept-${kept.length}`)
    await mkdir(settings.FAREBOX_DATA_DIR ?? '')
    await writeFile(join(settings.FAREBOX_DATA_DIR ?? '', 'admin-token'), kept)
    const { code, output } = await failingGateway(settings)
    expect(code).toBe(1)
    expect(output).toMatch(/^farebox: .*admin-token holds no admin token: remove it, and the next start makes one\n$/)
  })

  test('a default that no adapter knows, which would leave its work to another and tell nobody', async () => {
    const { code, output } = await failingGateway({ ...dataFolder('defaults'), DEFAULT_TTS_PROVIDER: 'elevenlab' })
    expect(code).toBe(1)
    expect(output).toMatch(/^farebox: DEFAULT_TTS_PROVIDER must be one of .*elevenlabs.*, received "elevenlab"\n$/)
  })

  test('production without a provider, unless simulation is asked for', async () => {
    const { code, output } = await failingGateway({ ...dataFolder('production'), NODE_ENV: 'production' })
    expect(code).toBe(1)
    expect(output).toMatch(/^farebox: no provider has a key, and simulated providers are not used in production: .*\n$/)
    const asked = await startGateway({ ...dataFolder('production'), NODE_ENV: 'production', FAREBOX_SIMULATED: 'true' })
    expect(asked.output()).not.toContain('demo key')
    await asked.stop()
  })
})

test('only the owner of the data folder can read the admin token', async () => {
  const settings = dataFolder('secret')
  const gateway = await startGateway(settings)
  await gateway.stop()
  const { mode } = await stat(join(settings.FAREBOX_DATA_DIR ?? '', 'admin-token'))
  expect(mode & 0o077).toBe(0)
})

test('events are posted to the webhook, signed, and half of its settings are refused', async () => {
  const received: { id: string; event: { type: string; data: object } }[] = []
  const secret = `whsec_${randomBytes(24).toString('base64')}`
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const event = new Webhook(secret).verify(
      body,
      request.headers as Record<string, string>,
    ) as (typeof received)[number]['event']
    received.push({ id: String(request.headers['webhook-id']), event })
    response.writeHead(204).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const settings = {
    ...dataFolder('webhook'),
    FAREBOX_WEBHOOK_URL: url,
    FAREBOX_WEBHOOK_SECRET: secret,
    FAREBOX_DEMO_KEY: 'demo-key-1',
  }
  const gateway = await startGateway(settings)
  const post = async (path: string, body: object) => {
    const headers = { authorization: 'Bearer demo-key-1', 'content-type': 'application/json' }
    return (await fetch(`${gateway.url}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json()
  }
  const { workflow_id: id } = (await post('/workflows', { workflow_name: 'call' })) as { workflow_id: string }
  await post(`/workflows/${id}/usage`, { service_type: 'phone', provider: 'twilio', units_consumed: 5, unit_type: 'minutes' })
  await post(`/workflows/${id}/close`, {})
  await expect
    .poll(() => received)
    .toMatchObject([{ event: { type: 'workflow_closed', data: { workflow_id: id, name: 'call', spent: '100' } } }])
  expect(await gateway.stop('SIGTERM')).toBe(0)
  server.close()

  const { code, output } = await failingGateway({ ...dataFolder('half'), FAREBOX_WEBHOOK_URL: url })
  expect([code, output]).toEqual([1, 'farebox: FAREBOX_WEBHOOK_URL and FAREBOX_WEBHOOK_SECRET go together\n'])
})

test('goes on serving when nobody reads its log any more', async () => {
  let refused = 0
  const server = createServer((request, response) => {
    refused += 1
    request.resume()
    response.writeHead(500).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const gateway = await startGateway({
    ...dataFolder('unread'),
    FAREBOX_WEBHOOK_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    FAREBOX_WEBHOOK_SECRET: `whsec_${randomBytes(24).toString('base64')}`,
    FAREBOX_DEMO_KEY: 'demo-key-1',
  })
  gateway.stopReading()
  const headers = { authorization: 'Bearer demo-key-1', 'content-type': 'application/json' }
  // Each workflow that closes is an event that cannot be delivered, and a line in the log.
  const chat = () =>
    fetch(`${gateway.url}/api/v1/agent/demo/chat`, { method: 'POST', headers, body: JSON.stringify({ message: 'hello' }) })
  for (let asked = 1; asked <= 3; asked += 1) {
    expect((await chat()).status).toBe(200)
    await expect.poll(() => refused).toBeGreaterThanOrEqual(asked)
  }
  expect((await chat()).status).toBe(200)
  expect(await gateway.stop('SIGTERM')).toBe(0)
})

test('on Postgres with an admin token of its own, usage is still kept in a data folder that is named', async () => {
  const settings = { ...dataFolder('spooling'), DATABASE_URL: database.url, FAREBOX_ADMIN_TOKEN: 'a-token-of-ours' }
  const spool = join(folder.path, 'spooling', 'spool')
  await mkdir(spool, { recursive: true })
  await writeFile(join(spool, 'of-nobody.json'), '{}')
  const gateway = await startGateway(settings)
  // Whoever looks after the folder sets aside what is no usage.
  await expect.poll(() => existsSync(join(spool, 'refused/of-nobody.json'))).toBe(true)
  expect(await gateway.stop()).toBe(0)
})
