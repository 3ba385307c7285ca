import { simulated } from '@farebox/providers/simulated'
import { credits, type FareboxOptions, type Logger, presets } from 'farebox'
import { expect, it } from 'vitest'
import { openAccount, openBox } from '../farebox/open-box.ts'

const ask = { messages: [{ role: 'user' as const, content: 'When do you open?' }] }

/** One line of a log. */
type Line = [level: keyof Logger, message: string, facts: Record<string, unknown>]

async function open(options: Partial<FareboxOptions> = {}, balance = credits(1_000)) {
  const lines: Line[] = []
  const at = (level: keyof Logger) => (facts: object, message: string) => void lines.push([level, message, { ...facts }])
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const box = await openBox({ logger, ...options })
  const account = await openAccount(box, { balance })
  const workflow = box.workflow({ accountId: account.accountId, name: 'help' })
  const messages = (...levels: (keyof Logger)[]) =>
    lines.filter(([level]) => levels.includes(level)).map(([, message]) => message)
  const facts = (message: string) => lines.filter(([, other]) => other === message).map(([, , facts]) => facts)
  return { box, account, workflow, lines, messages, facts }
}

it('a call that all goes well with is a line for those who debug, and for nobody else', async () => {
  const { workflow, account, lines, facts } = await open()
  await workflow.chat(ask)
  expect(new Set(lines.map(([level]) => level))).toEqual(new Set(['debug']))
  expect(facts('a call ended')).toEqual([
    {
      account_id: account.accountId,
      workflow_id: workflow.id,
      service: 'gpt',
      operation: 'chat',
      outcome: 'succeeded',
      credits_used: '1',
      provider: 'gpt-4o-mini',
      model: 'gpt-4o-mini',
    },
  ])
})

it('a provider that fails, the one that takes over, and the breaker between them are told once each', async () => {
  let isIll = true
  const failures = ({ offer }: { offer: { provider: string } }) =>
    isIll && offer.provider === 'gpt-4o'
      ? ({ kind: 'unavailable', status: 503, providerCode: 'server_error' } as const)
      : undefined
  const time = { now: Date.now() }
  const configuration = presets.balanced({ primaryAiModel: 'gpt-4o', fallbackAiModel: 'gpt-4o-mini' })
  const { workflow, messages, facts } = await open({
    providers: [simulated({ failures })],
    configuration,
    retries: { triesMax: 1 },
    clock: () => time.now,
  })
  for (let call = 1; call <= 5; call += 1) await workflow.chat(ask)
  expect(messages('warn', 'info')).toEqual([
    ...Array.from({ length: 3 }, () => ['an attempt failed', 'another provider answered']).flat(),
    'an attempt failed',
    'a breaker opened',
    'another provider answered',
  ])
  expect(facts('an attempt failed')[0]).toMatchObject({
    attempt_id: expect.stringMatching(/\.1$/),
    workflow_id: workflow.id,
    provider: 'gpt-4o',
    cause: 'first',
    outcome: 'failed',
    kind: 'unavailable',
    status: 503,
    provider_code: 'server_error',
  })
  expect(facts('a breaker opened')).toMatchObject([{ provider: 'gpt-4o', service: 'gpt', condition: 'sick' }])
  isIll = false
  time.now += 60_000
  await workflow.chat({ ...ask, provider: 'gpt-4o' })
  expect(facts('a provider has recovered')).toMatchObject([{ provider: 'gpt-4o', before: 'sick' }])
})

it('calls that are refused, fail or break off say so at their level', async () => {
  const failures = { 'gpt-4o': { kind: 'incomplete', afterParts: 2 }, 'claude-3-haiku': { kind: 'invalid_request' } } as const
  const { box, workflow, messages, facts } = await open({ providers: [simulated({ failures })] })
  const { accountId } = await openAccount(box, { balance: credits(0) })
  await expect(box.workflow({ accountId, name: 'poor' }).chat(ask)).rejects.toMatchObject({ code: 'INSUFFICIENT_CREDITS' })
  expect(messages('info')).toEqual(['a call was refused'])
  expect(facts('a call was refused')).toMatchObject([{ account_id: accountId, code: 'INSUFFICIENT_CREDITS', service: 'gpt' }])
  await expect(workflow.chat({ ...ask, provider: 'claude-3-haiku' })).rejects.toThrow()
  expect(messages('error')).toEqual(['a call failed'])
  expect(facts('a call failed')).toMatchObject([{ code: 'REQUEST_REJECTED', cause: { kind: 'invalid_request' } }])
  const stream = await workflow.streamChat({ ...ask, provider: 'gpt-4o' })
  await Array.fromAsync(stream.events).catch(() => undefined)
  await stream.settled
  expect(messages('warn')).toEqual(['an attempt failed', 'an attempt failed', 'an answer broke off'])
})

it('what fails in the background is told without its words, and onError hears all of it', async () => {
  const heard: unknown[] = []
  const { box, lines, facts } = await open({ onError: (error) => heard.push(error) })
  const failure = new Error('postgres://user:password@db failed')
  box.background(Promise.reject(failure))
  await expect.poll(() => heard).toEqual([failure])
  expect(facts('background work failed')).toMatchObject([{ code: 'INTERNAL', type: 'Error', at: expect.any(Array) }])
  expect(JSON.stringify(lines)).not.toContain('password')
})
