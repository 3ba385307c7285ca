import { runInNewContext } from 'node:vm'
import { createAdminClient, createClient, FareboxApiError, ServicePresets } from '@farebox/client'
import { describe, expect, it } from 'vitest'

/** The compiler checks these; nothing runs them. */
async function mistakes() {
  const client = createClient({ baseUrl: 'https://example.com', apiKey: 'k' })
  const admin = createAdminClient({ baseUrl: 'https://example.com', adminToken: 't' })
  // @ts-expect-error an API key is no admin token
  createAdminClient({ baseUrl: 'https://example.com', apiKey: 'k' })
  // @ts-expect-error an agent is asked one message or a conversation, and not both
  await client.agents.chat('a', { message: 'x', messages: [{ role: 'user', content: 'y' }] })
  // @ts-expect-error streams have a method of their own
  await client.agents.chat('a', { message: 'x', stream: true })
  // @ts-expect-error a text is no recording
  await client.agents.voice('a', { audio: 'a text' })
  // @ts-expect-error a unit that no meter counts
  await client.workflows.usage('w', { service_type: 'gpt', provider: 'p', units_consumed: 3, unit_type: 'bananas' })
  // @ts-expect-error dates are sent as text, and a Date would be sent as no server reads it
  await client.usage({ from: new Date() })
  // @ts-expect-error there is no such state
  await client.workflows.list({ state: 'ajar' })
  // @ts-expect-error the option is called retries
  await client.credits({ retry: 5 })
  // @ts-expect-error a bigint is no JSON
  await admin.grant({ account_id: 'a', credits: 5n })
  // @ts-expect-error there is no such period
  await admin.setBudget({ account_id: 'a', credits: 5, period: 'fortnight' })
  // @ts-expect-error an admin reads the workflows of an account, and closes none
  await admin.account('a').workflows.close('w')
  // @ts-expect-error there is no such strategy
  ServicePresets.balanced({ strategy: 'cheapest' })
  // @ts-expect-error an error is made of the problem that the API answered with
  new FareboxApiError('no')
  // @ts-expect-error the balance is called credit_balance, as on the wire
  return (await client.credits()).balance
}

it('what the types refuse is refused by the compiler', () => {
  expect(mistakes).toBeTypeOf('function')
})

it.each([
  () => createClient({ baseUrl: 'https://example.com', apiKey: 'k', timeout: 5 } as never),
  () => createAdminClient({ baseUrl: 'https://example.com', adminToken: 't', timeout: 5 } as never),
])('what plain JavaScript misspells is refused when it runs', (make) => {
  expect(make).toThrow(/^timeout: a client has no such option; known are .*timeoutMs$/)
})

it('what plain JavaScript misspells in a request is refused before it is sent', async () => {
  const client = createClient({ baseUrl: 'http://127.0.0.1:9', apiKey: 'fbx_key' })
  await expect(client.estimate({ ai_tokens: 5 }, { idempotency_key: 'order-7' } as never)).rejects.toThrow(
    /^idempotency_key: a request has no such option; known are idempotencyKey, /,
  )
})

describe('what plain JavaScript gives in the place of something else', () => {
  const connection = { baseUrl: 'http://127.0.0.1:9', retries: 0, fetch: () => Promise.reject(new Error('was sent')) }
  const client = createClient({ ...connection, apiKey: 'fbx_key' })
  const admin = createAdminClient({ ...connection, adminToken: 't' })
  const recording = new Uint8Array(2)
  const voice = (audio: unknown) => client.agents.voice('a', { audio } as never)
  const create = (idempotencyKey: unknown) => client.agents.create({}, { idempotencyKey } as never)
  const noRecording = 'audio must be bytes, received'
  const noKey = 'idempotencyKey must be a header value, received'
  const texts = async function* () {
    yield 'RIFF'
  }

  it.each<[string, () => Promise<unknown>, string]>([
    ['no recording', () => voice(undefined), `${noRecording} undefined`],
    ['the name of a recording', () => voice('hello.wav'), `${noRecording} "hello.wav"`],
    ['an object, whose words would be charged as a recording', () => voice({}), `${noRecording} object`],
    ['a list of numbers', () => voice([1, 2]), `${noRecording} object`],
    ['a stream of texts', () => voice(texts()), `${noRecording} "RIFF"`],
    ['a key that no header holds', () => create('日本'), `${noKey} "日本"`],
    ['a key of two lines', () => create('a\nb'), `${noKey} "a\\nb"`],
    ['a key with a blank at its end, which would not arrive', () => create('order 7 '), `${noKey} "order 7 "`],
    ['a key of nothing', () => create(''), `${noKey} ""`],
    ['an order for a key, which would be that of every order', () => create({ id: 7 }), `${noKey} object`],
  ])('is refused before it is sent: %s', async (_, send, message) => {
    const error: unknown = await send().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toHaveProperty('message', message)
  })

  it.each([undefined, null, '', 5, {}])('is refused: an account that is %o, in whose place the server would see none', (id) => {
    expect(() => admin.account(id as never)).toThrow(/^an id was expected, received /)
  })

  it.each(['order 7', 'größe', null, undefined])('is taken if a header can hold it: the key %s', async (key) => {
    await expect(create(key)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' })
  })

  // As a frame of a page has its own classes, or a test in jsdom.
  const elsewhere: unknown = runInNewContext('new ArrayBuffer(2)')

  it.each([recording, recording.buffer, new DataView(recording.buffer), new Blob([recording]), elsewhere])(
    'is taken if it is bytes: %o',
    async (audio) => {
      await expect(voice(audio)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' })
    },
  )
})
