import { type ProviderAdapter, ProviderError, quantity, type Usage } from '@farebox/core'
import { Outbox } from '@farebox/ledger'
import { simulated } from '@farebox/providers/simulated'
import { credits, presets, type Workflow } from 'farebox'
import parsePrometheusTextFormat from 'parse-prometheus-text-format'
import { describe, expect, it } from 'vitest'
import { type ApiClient, serveApi } from '../farebox/api-client.ts'
import { openAccount, openBox, openKey, storeNames } from '../farebox/open-box.ts'

const ask = { messages: [{ role: 'user' as const, content: 'When do you open?' }] }

/** The metrics page, as a parser of others' understands it. */
async function scrape(api: ApiClient) {
  const { status, headers, body } = await api.get('/metrics')
  expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  const text = String(body)
  const families = parsePrometheusTextFormat(text)
  const find = (name: string) => families.find((family) => family.name === name)
  /** Values of one family by the labels that are asked for. */
  const values = (name: string, ...labels: string[]) =>
    (find(name)?.metrics ?? []).map((metric) => [...labels.map((label) => metric.labels?.[label]), Number(metric.value)])
  return { text, families, find, values }
}

describe.each(storeNames)('the metrics of a box on %s', (on) => {
  it('count the credits of metered time once it has ended', async () => {
    const box = await openBox({ on })
    const { accountId, key } = await openAccount(box, { balance: credits(1_000) })
    const workflow = box.workflow({ accountId, name: 'hotline' })
    const time = await workflow.meter({ service: 'phone', provider: 'twilio' })
    for (let second = 10; second <= 120; second += 10) await time.reached(second)
    const { creditsUsed } = await time.end()
    await time.end()
    expect(creditsUsed).toBe(credits(40))
    const { values } = await scrape(await serveApi(box, key))
    expect(values('farebox_credits_charged_total', 'service')).toEqual([['phone', 40]])
  })

  it('count the credits of failed attempts that customers pay for, whether or not the call has an answer', async () => {
    const fail = (provider: string, meter: string, unit: 'tokens' | 'seconds'): never => {
      const usage: Usage = { quantities: [{ meter, quantity: quantity(900), unit }], certainty: 'exact' }
      throw new ProviderError('cut off', { kind: 'incomplete', provider, usage })
    }
    const failing: ProviderAdapter = {
      ...simulated({ services: ['gpt', 'voice_stt'], name: 'failing' }),
      isSimulated: false,
      chat: async () => fail('gpt-4o', 'output', 'tokens'),
      async *streamChat() {
        yield* []
        fail('gpt-4o', 'output', 'tokens')
      },
      async *streamTranscription() {
        yield* []
        fail('deepgram', 'duration', 'seconds')
      },
    }
    let isDown = false
    const answering = simulated({ failures: () => (isDown ? { kind: 'overloaded' } : undefined) })
    const box = await openBox({ on, providers: [failing, answering], failedAttempts: 'charged', retries: { triesMax: 1 } })
    const { accountId, key } = await openAccount(box, { balance: credits(1_000) })
    const api = await serveApi(box, key)
    const calls = {
      async chat(workflow: Workflow) {
        await workflow.chat(ask)
      },
      async streamChat(workflow: Workflow) {
        const { events, settled } = await workflow.streamChat(ask)
        for await (const _ of events);
        await settled
      },
      async listen(workflow: Workflow) {
        const sound = async function* () {
          for (let second = 0; second < 40; second += 1) yield new Uint8Array(8_000).fill(0x55)
        }
        const { events, settled } = await workflow.listen({ audio: sound(), format: { encoding: 'mulaw', sampleRate: 8_000 } })
        for await (const _ of events);
        await settled
      },
      async unanswered(workflow: Workflow) {
        isDown = true
        await expect(workflow.chat(ask)).rejects.toThrow()
      },
    }
    let due = 0n
    for (const call of Object.values(calls)) {
      const workflow = box.workflow({ accountId, name: 'work' })
      await call(workflow)
      const [lost] = await box.ledger.usageOf(accountId, workflow.id)
      expect(lost?.details).toMatchObject({ attempts: [{ error: 'incomplete' }] })
      expect(lost?.charged).toBeGreaterThan(0n)
      due += (await box.ledger.workflow(accountId, workflow.id)).spent
      const counted = (await scrape(api)).values('farebox_credits_charged_total')
      expect(counted.reduce((sum, [value]) => sum + credits(String(value)), 0n)).toBe(due)
    }
  })

  it('tell of calls, attempts, credits, refusals, providers and what waits, by names that the host knows', async () => {
    const odd = 'odd "name"\\of\na provider'
    const failures = { 'gpt-4o': { kind: 'overloaded' } } as const
    const box = await openBox({
      on,
      providers: [simulated({ name: odd, failures })],
      configuration: presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: 'gpt-4o-mini' }),
      retries: { triesMax: 1 },
      concurrency: { default: 7 },
    })
    const { accountId, key } = await openAccount(box, { balance: credits(1_000) })
    const api = await serveApi(box, key)
    const workflow = box.workflow({ accountId, name: 'a workflow of the caller\u2019s' })
    for (let call = 1; call <= 4; call += 1) await workflow.chat(ask)
    await workflow.record('phone', 'twilio', '0.5', 'minutes')
    const poor = await openAccount(box, { balance: credits(0) })
    await expect(box.workflow({ accountId: poor.accountId, name: 'poor' }).chat(ask)).rejects.toThrow()
    await api.get('/api/v1/usage/keys/nobody')
    await api.get('/api/v1/nothing/of/the/kind')

    const { text, families, find, values } = await scrape(api)
    expect(values('farebox_calls_total', 'service', 'operation', 'outcome')).toEqual([
      ['gpt', 'chat', 'succeeded', 4],
      ['gpt', 'chat', 'refused', 1],
    ])
    expect(values('farebox_attempts_total', 'adapter', 'provider', 'cause', 'outcome', 'error')).toEqual([
      [odd, 'gpt-4o', 'first', 'failed', 'overloaded', 4],
      [odd, 'gpt-4o-mini', 'fallback', 'succeeded', '', 4],
    ])
    expect(values('farebox_credits_charged_total', 'service')).toEqual([
      // Tokens of one workflow are rounded up together.
      ['gpt', 1],
      ['phone', 10],
    ])
    expect(values('farebox_holds_total', 'service')).toEqual([['gpt', 4]])
    expect(values('farebox_refusals_total', 'service', 'reason')).toEqual([['gpt', 'INSUFFICIENT_CREDITS', 1]])
    const ill = values('farebox_provider_condition', 'service', 'provider', 'condition').filter(([, , , value]) => value === 1)
    expect(ill).toContainEqual(['gpt', 'gpt-4o', 'sick', 1])
    expect(ill).toContainEqual(['gpt', 'gpt-4o-mini', 'ok', 1])
    expect(values('farebox_provider_in_flight', 'provider')).toContainEqual(['gpt-4o-mini', 0])
    expect(values('farebox_concurrency_limit', 'adapter')).toEqual([[odd, 7]])
    expect(values('farebox_store_up')).toEqual([[1]])
    expect(values('farebox_spool_waiting')).toEqual([[0]])
    expect(values('farebox_outbox_waiting')).toEqual([[0]])
    expect(values('farebox_ledger_waiting')).toEqual([[0]])
    // The document is asked for by the test, once in its process.
    const asked = values('farebox_http_requests_total', 'path', 'status').filter(([path]) => path !== '/openapi.json')
    expect(asked).toEqual([['/api/v1/usage/keys/:prefix', '404', 1]])

    const took = find('farebox_call_duration_seconds')
    expect(took?.type).toBe('HISTOGRAM')
    const below = [...text.matchAll(/^farebox_call_duration_seconds_bucket{service="gpt",operation="chat",le="(.+)"} (\d+)$/gm)]
    expect(Object.keys(took?.metrics[0]?.buckets ?? {}).sort()).toEqual(below.map(([, bound]) => bound).sort())
    const counts = below.map(([, , count]) => Number(count))
    expect(counts).toEqual(counts.toSorted((left, right) => left - right))
    expect(counts.at(-1)).toBe(5)
    expect(text).toContain('\nfarebox_call_duration_seconds_count{service="gpt",operation="chat"} 5\n')
    // Nothing that a caller chose is a label, and each family comes once, with its help.
    for (const chosen of [accountId, workflow.id, 'caller', 'nobody', 'of/the/kind', key]) expect(text).not.toContain(chosen)
    expect(new Set(families.map(({ name }) => name)).size).toBe(families.length)
    for (const { name, help } of families) expect(help, name).not.toBe('')
  })

  it('count calls that may not be made or cannot be paid as refused, whatever the reason, and not as failed', async () => {
    const box = await openBox({ on })
    const { accountId, key } = await openAccount(box, { balance: credits(1_000) })
    const refused = async (code: string, work: Workflow) => {
      await expect(work.chat(ask)).rejects.toMatchObject({ code })
    }
    const closed = box.workflow({ accountId, name: 'closed' })
    await closed.open()
    await closed.close()
    await refused('WORKFLOW_CLOSED', closed)
    await refused('WORKFLOW_CEILING', box.workflow({ accountId, name: 'small', maxCredits: credits('0.000001') }))
    const least = presets.balanced({ maxCreditsPerRequest: credits('0.000001') })
    await refused('REQUEST_LIMIT', box.workflow({ accountId, name: 'limited', configuration: least }))
    const services = [{ service: 'gpt', enabled: false }]
    const { key: barred } = await openKey(box, accountId, { services })
    await refused('SERVICE_NOT_ALLOWED', box.workflow({ accountId, name: 'barred', apiKey: await box.authenticate(barred) }))
    await box.ledger.setBudget({ accountId, userId: 'poor', period: 'day', limit: credits('0.000001') })
    await refused('BUDGET_EXCEEDED', box.workflow({ accountId, name: 'poor', userId: 'poor' }))
    await box.ledger.freezeAccount({ accountId, isFrozen: true })
    await refused('ACCOUNT_FROZEN', box.workflow({ accountId, name: 'frozen' }))
    await box.ledger.freezeAccount({ accountId, isFrozen: false })
    const { values } = await scrape(await serveApi(box, key))
    expect(values('farebox_calls_total', 'outcome')).toEqual([['refused', 6]])
    const reasons = values('farebox_refusals_total', 'reason').map(([reason]) => reason)
    expect(reasons.sort()).toEqual([
      'ACCOUNT_FROZEN',
      'BUDGET_EXCEEDED',
      'REQUEST_LIMIT',
      'SERVICE_NOT_ALLOWED',
      'WORKFLOW_CEILING',
      'WORKFLOW_CLOSED',
    ])
  })

  it('count events that wait, and those that were given up', async () => {
    const box = await openBox({ on, closedWorkflowEvents: true })
    const { accountId, key } = await openAccount(box)
    const api = await serveApi(box, key)
    await box.workflow({ accountId, name: 'one' }).close()
    await box.workflow({ accountId, name: 'two' }).close()
    expect((await scrape(api)).values('farebox_outbox_waiting')).toEqual([[2]])
    const outbox = new Outbox(box.ledger, { attemptsMax: 1, deliver: () => Promise.reject(new Error('nobody is there')) })
    await outbox.deliverDue()
    const { values } = await scrape(api)
    expect([values('farebox_outbox_waiting'), values('farebox_outbox_given_up')]).toEqual([[[0]], [[2]]])
  })

  it('ask the database once for all who want them at once, as anybody may', async () => {
    const box = await openBox({ on, closedWorkflowEvents: true })
    const { accountId } = await openAccount(box)
    await box.workflow({ accountId, name: 'one' }).close()
    const counted = Promise.withResolvers<void>()
    const { ledger } = box
    const eventCounts = ledger.eventCounts.bind(ledger)
    let asked = 0
    ledger.eventCounts = async () => {
      asked += 1
      await counted.promise
      return eventCounts()
    }
    const serve = box.routes()
    const page = async () => (await serve(new Request('http://localhost/metrics'))).text()
    const pages = Array.from({ length: 20 }, page)
    await expect.poll(() => asked).toBeGreaterThan(0)
    counted.resolve()
    for (const text of await Promise.all(pages)) expect(text).toContain('farebox_outbox_waiting 1\n')
    expect(asked).toBe(1)
    await box.workflow({ accountId, name: 'two' }).close()
    expect(await page()).toContain('farebox_outbox_waiting 2\n')
  })
})
