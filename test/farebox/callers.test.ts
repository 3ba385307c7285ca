import { createHash } from 'node:crypto'
import { credits, quantity } from '@farebox/core'
import type { LedgerDriver } from '@farebox/ledger'
import { simulated } from '@farebox/providers/simulated'
import type { Farebox } from 'farebox'
import { beforeAll, describe, expect, it } from 'vitest'
import { tables } from '../../packages/ledger/src/tables.ts'
import { prices } from '../compat/open-compat.ts'
import { type ApiAnswer, type ApiClient, serveApi } from './api-client.ts'
import { openAccount, openBox, openDriver, openExpiredKey, openKey, type TestAccount } from './open-box.ts'
import { type Operation, readDocument, requests, sendRequest } from './operations.ts'

const ADMIN = 'admin-token'

/** Who may ask for what, written down by hand: the document must say the same, and the server must do it. */
const PUBLIC = ['getPrices', 'getHealth', 'getReadiness', 'getMetrics', 'getOpenapiDocument']
const ACCOUNT = [
  ...['createAgent', 'chatWithAgent', 'talkToAgent', 'callWithAgent', 'openWorkflow', 'recordUsage', 'closeWorkflow', 'estimate'],
  ...[
    'createChatCompletion',
    'createResponse',
    'createEmbedding',
    'createSpeech',
    'createTranscription',
    'listModels',
    'getModel',
  ],
]
/** By an account's key, or by the admin token with the name of an account. */
const READ = [
  ...['listWorkflows', 'getWorkflow', 'getCredits', 'getStatement', 'listKeys', 'listBudgets', 'getUsage', 'getUsageSeries'],
  ...['getRecommendations', 'getKeyUsage', 'exportAccount'],
]
const ANY = ['getStatus']
const SPENDING = [
  ...['chatWithAgent', 'talkToAgent', 'callWithAgent', 'recordUsage'],
  ...['createChatCompletion', 'createResponse', 'createEmbedding', 'createSpeech', 'createTranscription'],
]

let operations: Operation[]
beforeAll(async () => {
  ;({ operations } = await readDocument())
})

/** A server, an account of ours with a key, and an account of theirs, whose every name has a word that nobody else may read. */
async function open() {
  const box = await openBox({ providers: [simulated({ callSeconds: 60 })], prices })
  const ours = await openAccount(box)
  const api = await serveApi(box, undefined, { adminToken: ADMIN })
  const names = await work(box, api.as(ours.key), ours, 'ours')
  const theirs = await openAccount(box, { name: 'canary key', userId: 'canary user' })
  const foreign = await work(box, api.as(theirs.key), theirs, 'canary')
  return { box, api, ours, names, theirs, foreign }
}

/** One of everything that has an id. */
async function work(box: Farebox, client: ApiClient, { accountId, prefix }: TestAccount, word: string) {
  const made = async (path: string, body: object, field: string, headers = {}) =>
    String((await client.post(path, body, headers)).body[field])
  const workflow = await made('/api/v1/workflows', { workflow_name: `${word} work` }, 'workflow_id')
  const usage = `${word}-charge`
  const usageOf = {
    service: 'gpt',
    provider: 'gpt-4o',
    usage: { quantity: quantity(1_000), unit: 'tokens', rated: credits(8) },
  } as const
  await box.ledger.charge({ ...usageOf, accountId, usageId: usage, workflowId: workflow })
  const agent = await made('/api/v1/agent/create', {}, 'agent_id', { 'idempotency-key': `${word}-agent` })
  await client.post(`/api/v1/agent/${agent}/chat`, { message: `${word} hello` }, { 'idempotency-key': `${word}-chat` })
  const spare = await made('/api/v1/workflows', { workflow_name: `${word} spare` }, 'workflow_id', {
    'idempotency-key': `${word}-open`,
  })
  const { grantId } = await box.ledger.grant({ accountId, amount: credits(5) })
  await box.ledger.setBudget({ accountId, period: 'day', limit: credits(5_000) })
  return { account: accountId, prefix, workflow, spare, usage, agent, grant: grantId }
}

/** Every row of an account, in every table, but for when a key was used. */
async function rowsOf(driver: LedgerDriver, accountId: string): Promise<string> {
  const found: Record<string, unknown> = {}
  for (const [name, { columns }] of Object.entries(tables)) {
    const kept = columns.filter(({ property }) => property !== 'lastUsedAt')
    const id = kept.find(({ property }) => property === 'accountId')
    if (!id) continue
    const rows = await driver.select({
      text: `SELECT * FROM {${name}} WHERE account_id = ?`,
      values: [accountId],
      columns: Object.fromEntries(kept.map(({ property, type }) => [property, type])),
    })
    found[name] = rows.map((row) => JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).sort()
  }
  return JSON.stringify(found, null, 1)
}

const idempotent = (operation: Operation) => operation.method === 'post'

/** What an answer tells, but for what differs whenever anybody asks. `told` are texts of the request, which it may repeat. */
function tells({ status, headers, body }: ApiAnswer, told: readonly string[] = []): unknown {
  const volatile = /^(date|x-request-id|ratelimit.*|content-length|connection|keep-alive|transfer-encoding)$/
  const whole = JSON.stringify([status, [...headers].filter(([name]) => !volatile.test(name)), body])
  const text = whole.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
  return told.reduce((rest, each) => rest.replaceAll(each, '<told>'), text)
}

describe('whoever asks for an operation', () => {
  it('is who the document says, and that is who this table says', () => {
    const of = (...schemes: string[]) =>
      operations
        .filter(({ security }) => String(security.flatMap(Object.keys)) === String(schemes))
        .map(({ operationId }) => operationId)
    expect(of().sort()).toEqual([...PUBLIC].sort())
    expect(of('api_key').sort()).toEqual([...ACCOUNT].sort())
    expect(of('api_key', 'admin_token').sort()).toEqual([...READ, ...ANY].sort())
    const admin = of('admin_token')
    expect(admin.length + PUBLIC.length + ACCOUNT.length + READ.length + ANY.length).toBe(operations.length)
    for (const { operationId, path } of operations) {
      expect([operationId, path.includes('/admin/')]).toEqual([operationId, admin.includes(operationId)])
    }
  })

  it('without a good key, or with the admin token where it is not meant, is told the same whatever was wrong, and does nothing', async () => {
    const { box, api, ours, names } = await open()
    const driver = openDriver(box)
    const { ledger } = box
    const { accountId } = ours
    const revoked = await openKey(box, accountId)
    await ledger.revokeApiKey({ accountId, apiKeyId: revoked.apiKeyId })
    const expired = await openExpiredKey(box, accountId)
    const rotated = await openKey(box, accountId)
    await ledger.rotateApiKey({ accountId, apiKeyId: rotated.apiKeyId, graceMs: 0 })
    const good = ours.key
    const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })
    const basic = (secret: string) => ({ authorization: `Basic ${Buffer.from(`${secret}:`).toString('base64')}` })
    const presented: Record<string, Record<string, string>> = {
      'an unknown key': bearer(`${good.slice(0, -1)}${good.endsWith('x') ? 'y' : 'x'}`),
      'a key of another form': bearer('fbx_no'),
      'a key in capitals': bearer(good.toUpperCase()),
      'a key with something after it': bearer(`${good}x`),
      'a prefix': bearer(ours.prefix),
      'the digest of a key': bearer(createHash('sha256').update(good).digest('hex')),
      'the id of a key': bearer(ours.apiKeyId),
      'a revoked key': bearer(revoked.key),
      'an expired key': bearer(expired.key),
      'the key before the last': bearer(rotated.key),
      'a wrong admin token': bearer(`${ADMIN}x`),
      'an admin token in capitals': bearer(ADMIN.toUpperCase()),
    }
    const absent: Record<string, Record<string, string>> = {
      nothing: {},
      'an empty bearer': { authorization: 'Bearer ' },
      'no scheme': { authorization: good },
      'another scheme': basic(good),
      'the admin token by another scheme': basic(ADMIN),
      'two secrets': bearer(`${good} ${ADMIN}`),
      'two secrets in a list': { authorization: `Basic x, Bearer ${good}` },
      'other headers': { 'x-api-key': good, 'api-key': good, 'x-admin-token': ADMIN, 'proxy-authorization': `Bearer ${good}` },
      cookies: { cookie: `authorization=Bearer ${good}; api_key=${good}; key=${good}; admin_token=${ADMIN}; token=${ADMIN}` },
      'what a proxy would set': { 'x-forwarded-user': accountId, 'x-forwarded-for': '127.0.0.1', 'x-original-url': '/healthz' },
    }
    const before = await rowsOf(driver, accountId)
    for (const operation of operations.filter(({ security }) => security.length > 0)) {
      for (const group of [presented, absent]) {
        const answers = new Map<unknown, string>()
        for (const [name, headers] of Object.entries(group)) {
          const answer = await sendRequest(operation, api, names, {}, headers)
          expect([operation.operationId, name, answer.status]).toEqual([operation.operationId, name, 401])
          expect(answer.headers.get('www-authenticate')).toBe('Bearer')
          answers.set(tells(answer), name)
        }
        expect([...answers.values()], operation.operationId).toHaveLength(1)
      }
      const [path = '', body] = requests[operation.operationId] ?? []
      const inQuery = `${path}${path.includes('?') ? '&' : '?'}key=${good}&api_key=${good}&access_token=${good}&admin_token=${ADMIN}`
      expect((await sendRequest(operation, api, names, { path: inQuery, body })).status, operation.operationId).toBe(401)
      const isAccount = ACCOUNT.includes(operation.operationId)
      const wrong = READ.includes(operation.operationId) || ANY.includes(operation.operationId) ? [] : [isAccount ? ADMIN : good]
      for (const secret of wrong)
        expect((await sendRequest(operation, api.as(secret), names)).status, operation.operationId).toBe(401)
      if (READ.includes(operation.operationId)) {
        expect((await sendRequest(operation, api.as(ADMIN), names)).status, operation.operationId).toBe(422)
      }
    }
    expect(await rowsOf(driver, accountId)).toBe(before)
    for (const operation of operations.filter(({ operationId }) => PUBLIC.includes(operationId))) {
      for (const headers of [...Object.values(presented), ...Object.values(absent)]) {
        expect((await sendRequest(operation, api, names, {}, headers)).status).toBe(200)
      }
    }
  })

  it('with a key that may not, or of a frozen account, spends nothing by any of them', async () => {
    const { box, api, ours, names, theirs, foreign } = await open()
    const driver = openDriver(box)
    const services = ['gpt', 'vision', 'voice_stt', 'voice_tts', 'phone', 'embedding', 'realtime']
    const disabled = await openKey(box, ours.accountId, { services: services.map((service) => ({ service, enabled: false })) })
    const elsewhere = await openKey(box, ours.accountId, { services: [{ service: 'sms' }] })
    const stingy = await openKey(box, ours.accountId, {
      services: services.map((service) => ({ service, costLimitPerRequest: credits(0) })),
    })
    const spent = async (accountId: string) => (await box.ledger.balance(accountId)).balance
    const before = await spent(ours.accountId)
    for (const operation of operations.filter(({ operationId }) => SPENDING.includes(operationId))) {
      for (const [{ key }, status] of [
        [disabled, 403],
        [elsewhere, 403],
        [stingy, 402],
      ] as const) {
        const answer = await sendRequest(operation, api.as(key), names)
        expect([operation.operationId, answer.status, answer.body]).toMatchObject([operation.operationId, status, {}])
      }
    }
    expect(await spent(ours.accountId)).toBe(before)
    await box.ledger.freezeAccount({ accountId: theirs.accountId, isFrozen: true })
    const frozen = await rowsOf(driver, theirs.accountId)
    const refused: string[] = []
    for (const operation of operations.filter(({ operationId }) => [...ACCOUNT, ...READ, ...ANY].includes(operationId))) {
      if (['createAgent', 'openWorkflow', 'closeWorkflow'].includes(operation.operationId)) continue
      const { status } = await sendRequest(operation, api.as(theirs.key), { ...foreign, routed: foreign.workflow })
      if (status === 403) refused.push(operation.operationId)
      else expect([operation.operationId, status]).toEqual([operation.operationId, 200])
    }
    expect(refused.sort()).toEqual([...SPENDING].sort())
    expect(await rowsOf(driver, theirs.accountId)).toBe(frozen)
  })
})

interface Probe {
  /** The kind of id, and who asks for it: the account that it does not belong to, or the operator on behalf of that account. */
  id: 'workflow' | 'agent' | 'prefix' | 'grant' | 'usage' | 'user' | 'name' | 'account'
  as?: 'admin'
  path?: string
  body?: unknown
  headers?: Record<string, string>
}

const joins: Probe = { id: 'workflow', headers: { 'x-farebox-workflow-id': '{id}' } }
const configures: Probe = { id: 'agent', headers: { 'x-farebox-configuration': '{id}' } }
const filters = (path: string): Probe[] => [
  { id: 'prefix', path: `${path}api_key={id}` },
  { id: 'user', path: `${path}user_id={id}` },
  { id: 'name', path: `${path}workflow_name={id}` },
  { id: 'prefix', as: 'admin', path: `${path}account_id={account}&api_key={id}` },
]
const model = (operationId: string): Probe => ({
  id: 'agent',
  body: { ...(requests[operationId]?.[1] as object), model: '{id}' },
})
const reads = (operationId: string): Probe => {
  const [path = ''] = requests[operationId] ?? []
  return { id: 'account', path: `${path}${path.includes('?') ? '&' : '?'}account_id={id}` }
}
const usage = requests.recordUsage?.[1] as object

/** Each way to name something: with the id of another account's, and with one that nobody has. */
const probes: Readonly<Record<string, readonly Probe[]>> = {
  chatWithAgent: [
    { id: 'agent', path: '/api/v1/agent/{id}/chat' },
    { id: 'agent', path: '/api/v1/agent/{id}/chat', body: { message: 'hello', stream: true } },
    { id: 'agent', path: '/api/v1/agent/{id}/chat', headers: { 'idempotency-key': 'canary-chat' } },
  ],
  talkToAgent: [{ id: 'agent', path: '/api/v1/agent/{id}/voice' }],
  callWithAgent: [{ id: 'agent', path: '/api/v1/agent/{id}/call' }],
  createAgent: [{ id: 'agent', body: { business_logic_adapter: '{id}' } }],
  recordUsage: [
    { id: 'workflow', path: '/api/v1/workflows/{id}/usage' },
    { id: 'workflow', path: '/api/v1/workflows/{id}/usage', body: { ...usage, call: 'c' } },
    { id: 'workflow', path: '/api/v1/workflows/{id}/usage', headers: { 'idempotency-key': 'canary-charge' } },
  ],
  closeWorkflow: [{ id: 'workflow', path: '/api/v1/workflows/{id}/close' }],
  getWorkflow: [
    { id: 'workflow', path: '/api/v1/workflows/{id}' },
    { id: 'workflow', as: 'admin', path: '/api/v1/workflows/{id}?account_id={account}' },
    { id: 'account', path: '/api/v1/workflows/{workflow}?account_id={id}' },
  ],
  listWorkflows: [...filters('/api/v1/workflows?'), reads('listWorkflows')],
  getUsage: [...filters('/api/v1/usage?'), reads('getUsage')],
  getUsageSeries: [...filters('/api/v1/usage/series?group_by=provider&'), reads('getUsageSeries')],
  getRecommendations: [...filters('/api/v1/usage/recommendations?'), reads('getRecommendations')],
  getKeyUsage: [
    { id: 'prefix', path: '/api/v1/usage/keys/{id}' },
    { id: 'prefix', as: 'admin', path: '/api/v1/usage/keys/{id}?account_id={account}' },
    reads('getKeyUsage'),
  ],
  getCredits: [reads('getCredits')],
  getStatement: [reads('getStatement')],
  listKeys: [reads('listKeys')],
  listBudgets: [reads('listBudgets')],
  exportAccount: [reads('exportAccount')],
  createChatCompletion: [joins, configures, model('createChatCompletion')],
  createResponse: [joins, configures, model('createResponse')],
  createEmbedding: [joins, configures, model('createEmbedding')],
  createSpeech: [joins, configures, model('createSpeech')],
  createTranscription: [joins, configures, model('createTranscription')],
  getModel: [{ id: 'agent', path: '/v1/models/{id}' }],
  revokeGrant: [{ id: 'grant', as: 'admin', path: '/api/v1/admin/grants/{id}/revoke', body: { account_id: '{account}' } }],
  chargebackGrant: [
    { id: 'grant', as: 'admin', path: '/api/v1/admin/grants/{id}/chargeback', body: { account_id: '{account}' } },
  ],
  refundUsage: [{ id: 'usage', as: 'admin', body: { account_id: '{account}', usage_id: '{id}' } }],
  setBudget: [{ id: 'prefix', as: 'admin', body: { account_id: '{account}', period: 'day', credits: 5, key_prefix: '{id}' } }],
}

/** The same id with its last characters changed: of the same form, and nobody's. */
const likeIt = (id: string) => `${id.slice(0, -3)}${id.endsWith('000') ? '111' : '000'}`

describe('an id of another account', () => {
  it('is asked about in every way that an account’s caller has to name something', () => {
    const naming = operations.filter(({ operationId, path, parameters = [] }) => {
      const isAdmin = path.includes('/admin/')
      const named = parameters.some(
        ({ in: where, name }) => where === 'path' || /^(api_key|account_id|user_id)$|workflow/.test(name),
      )
      return (named && !isAdmin) || (probes[operationId] ?? []).length > 0
    })
    const without = naming.filter(({ operationId }) => probes[operationId] === undefined).map(({ operationId }) => operationId)
    expect(without).toEqual([])
  })

  it('is no other than one that nobody has: the same answer, nothing told, nothing changed', async () => {
    const { box, api, ours, names, theirs, foreign } = await open()
    const driver = openDriver(box)
    const ids: Record<Probe['id'], string> = {
      ...{ workflow: foreign.workflow, agent: foreign.agent, prefix: foreign.prefix, grant: foreign.grant, usage: foreign.usage },
      ...{ user: 'canary user', name: 'canary work', account: theirs.accountId },
    }
    const [before, own] = [await rowsOf(driver, theirs.accountId), (await box.ledger.balance(ours.accountId)).balance]
    const statuses: Record<string, number> = {}
    for (const operation of operations) {
      for (const { id, as, headers = {}, ...request } of probes[operation.operationId] ?? []) {
        const client = api.as(as === 'admin' ? ADMIN : ours.key)
        const ask = async (value: string) => {
          const sent = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, text.replace('{id}', value)]))
          const answer = await sendRequest(operation, client, { ...names, id: value }, request, sent)
          const told = tells(answer, [value])
          expect(told, `${operation.operationId} by ${id}`).not.toContain('canary')
          return [answer.status, told]
        }
        const [[status, foreignTold], [, unknownTold]] = [await ask(ids[id]), await ask(likeIt(ids[id]))]
        expect(foreignTold, `${operation.operationId} by ${id}`).toBe(unknownTold)
        statuses[`${status}`] = (statuses[`${status}`] ?? 0) + 1
        if (!['user', 'name'].includes(id))
          expect([operation.operationId, id, [404, 422].includes(Number(status))]).toEqual([operation.operationId, id, true])
      }
    }
    expect(Object.keys(statuses)).toEqual(['200', '404', '422'])
    expect(await rowsOf(driver, theirs.accountId)).toBe(before)
    expect((await box.ledger.balance(ours.accountId)).balance).toBe(own)
  })

  it('as an idempotency key or a cursor finds nothing of the other account', async () => {
    const { box, api, ours, names, theirs, foreign } = await open()
    const driver = openDriver(box)
    const client = api.as(ours.key)
    const before = await rowsOf(driver, theirs.accountId)
    for (const key of ['canary-agent', 'canary-chat', 'canary-open', 'canary-charge']) {
      for (const operation of operations.filter((each) => idempotent(each) && ACCOUNT.includes(each.operationId))) {
        // Of two requests under one key, the second conflicts with the first of our own, so each has its own account.
        const fresh = await openAccount(box)
        const own = await work(box, api.as(fresh.key), fresh, `own ${operation.operationId} ${key}`)
        const answer = await sendRequest(operation, api.as(fresh.key), own, {}, { 'idempotency-key': key })
        expect([operation.operationId, Math.floor(answer.status / 100), answer.headers.get('idempotency-replayed')]).toEqual([
          operation.operationId,
          2,
          null,
        ])
        expect(tells(answer, [key])).not.toContain('canary')
      }
    }
    const lists = ['/api/v1/workflows?', '/api/v1/credits/statement?', '/api/v1/usage/series?group_by=provider&granularity=hour&']
    for (const list of lists) {
      const page = (await api.as(theirs.key).get(`${list}limit=1`)).body
      const cursor = String(page.next_cursor ?? page.next)
      expect(cursor, list).toMatch(/^[\w-]{10,}$/)
      expect((await api.as(theirs.key).get(`${list}limit=1&cursor=${cursor}`)).status).toBe(200)
      const [stolen, made] = [await client.get(`${list}cursor=${cursor}`), await client.get(`${list}cursor=${likeIt(cursor)}`)]
      expect(stolen.status).toBe(422)
      expect(tells(stolen, [cursor])).toBe(tells(made, [likeIt(cursor)]))
    }
    expect(names.account).not.toBe(foreign.account)
    expect(await rowsOf(driver, theirs.accountId)).toBe(before)
  })
})
