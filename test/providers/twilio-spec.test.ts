import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TwilioLoopback } from '../loopback/twilio.ts'
import { type OpenapiValidator, openapiValidator } from '../support/openapi-validator.ts'
import { hasSpec, readSpec, specTestName } from '../support/specs.ts'
import { callContext, type OpenTwilio, openTwilio, phoneRequest, SECRET } from './twilio-harness.ts'

const SPEC = 'twilio_api_v2010.json.gz'
const CALL = 'api.v2010.account.call'
const CALLS = '#/paths/~12010-04-01~1Accounts~1{AccountSid}~1Calls.json'

describe.skipIf(!hasSpec(SPEC))(specTestName("Twilio's published specification", SPEC), () => {
  let invalid: OpenapiValidator
  let opened: OpenTwilio
  let loopback: TwilioLoopback
  beforeAll(async () => {
    invalid = openapiValidator(readSpec(SPEC))
    const statusCallbackUrl = 'http://127.0.0.1:9/callbacks'
    opened = await openTwilio(() => ({ machineDetection: 'Enable', statusCallbackUrl }), { pageSizeMax: 2 })
    loopback = opened.loopback
  })
  afterAll(() => opened.close())

  const get = async (path: string) => {
    const authorization = `Basic ${Buffer.from(`${loopback.accountSid}:${SECRET}`).toString('base64')}`
    return (await fetch(loopback.url + path, { headers: { authorization } })).json() as Promise<Record<string, unknown>>
  }
  const properties = (name: string) => Object.keys(JSON.parse(readSpec(SPEC)).components.schemas[name].properties).sort()

  it('is broken by a call whose duration is a number, so the checks below mean something', () => {
    expect(invalid(CALL, { status: 'completed', duration: 49 })).not.toEqual([])
    expect(invalid(CALL, { status: 'answered' })).not.toEqual([])
  })

  it('is kept by the calls that the loopback answers with, in every status, and by their list', async () => {
    for (const status of ['queued', 'ringing', 'in-progress', 'completed', 'busy', 'no-answer', 'failed', 'canceled'] as const) {
      const { sid } = loopback.add({ status, startedAt: Date.now(), seconds: 49 })
      const call = await get(`/2010-04-01/Accounts/${loopback.accountSid}/Calls/${sid}.json`)
      expect(invalid(CALL, call)).toEqual([])
      expect(Object.keys(call).sort()).toEqual(properties(CALL))
    }
    const list = await get(`${loopback.callsPath}?PageSize=2&Page=1`)
    expect(list.calls).toHaveLength(2)
    expect(invalid(`${CALLS}/get/responses/200/content/application~1json/schema`, list)).toEqual([])
  })

  it('is kept by what the adapter sends', async () => {
    await opened.adapter.call(phoneRequest(), callContext())
    await opened.adapter.call(phoneRequest({ instructions: { type: 'url', url: 'https://host.test/hello' } }), callContext())
    const { parameters, requestBody } = (({ get: { parameters }, post: { requestBody } }) => ({ parameters, requestBody }))(
      JSON.parse(readSpec(SPEC)).paths['/2010-04-01/Accounts/{AccountSid}/Calls.json'],
    )
    const known = Object.keys(requestBody.content['application/x-www-form-urlencoded'].schema.properties)
    const sent = loopback.requests.filter(({ method, path }) => method === 'POST' && path === loopback.callsPath)
    expect(sent).toHaveLength(2)
    for (const { body } of sent) {
      expect(known).toEqual(expect.arrayContaining(Object.keys(body)))
      const form = { ...body, TimeLimit: Number(body.TimeLimit), Timeout: Number(body.Timeout) }
      expect(invalid(`${CALLS}/post/requestBody/content/application~1x-www-form-urlencoded/schema`, form)).toEqual([])
    }
    for await (const _ of opened.adapter.records({ from: 0, until: Date.now(), to: '+15551234567' }, callContext())) {
      // The request is what is looked at.
    }
    const names = (parameters as { name: string }[]).map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining([...(loopback.requests.at(-1)?.query.keys() ?? [])]))
  })
})
