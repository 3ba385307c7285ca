import type { RequestListener } from 'node:http'
import { credits } from '@farebox/core'
import type express from 'express'
// @ts-expect-error -- it has no types of its own, and those of Express 5 fit
import untypedExpress from 'express4'
import type { Farebox } from 'farebox'
import { fareboxErrors, farebox as mountExpress, fareboxRoutes as routesInExpress } from 'farebox/express'
import { type FareboxState, farebox as mountKoa, fareboxRoutes as routesInKoa } from 'farebox/koa'
import type Koa from 'koa'
// @ts-expect-error -- the same
import untypedKoa from 'koa2'
import { describe, expect, it } from 'vitest'
import workspace from '../../package.json' with { type: 'json' }
import farebox from '../../packages/farebox/package.json' with { type: 'json' }
import { apiClient } from './api-client.ts'
import { listen } from './hosts.ts'
import { openAccount, openBox } from './open-box.ts'

// The oldest frameworks that the peer ranges of farebox allow. `hosts.ts` has the newest.

const express4: typeof express = untypedExpress
const Koa2: typeof Koa = untypedKoa
const question = { messages: [{ role: 'user' as const, content: 'When do you open?' }] }

const hosts: { name: string; serve(box: Farebox): RequestListener }[] = [
  {
    name: 'Express 4',
    serve: (box) =>
      express4()
        .use(express4.json())
        .use(routesInExpress(box))
        .use('/ai', mountExpress(box, { workflow: 'support' }))
        .post('/ai/ask', (request, response, next) => {
          // Express 4 awaits no handler.
          const ask = async () => void response.json({ text: (await request.farebox.chat(question)).text })
          ask().catch(next)
        })
        .use(fareboxErrors()),
  },
  {
    name: 'Koa 2',
    serve(box) {
      const app = new Koa2<FareboxState>()
      app.use(routesInKoa(box))
      app.use(mountKoa(box, { workflow: 'support' }))
      app.use(async (context) => {
        context.body = { text: (await context.state.farebox.chat(question)).text }
      })
      return app.callback()
    },
  },
]

it.each([
  ['express', '4.18.0'],
  ['koa', '2.13.4'],
] as const)('the oldest %s that is allowed is %s, and is the one that is tried', (name, oldest) => {
  expect(farebox.peerDependencies[name].split(' ')[0]).toBe(`^${oldest}`)
  expect(workspace.devDependencies[`${name}${oldest.charAt(0)}` as 'express4' | 'koa2']).toBe(`npm:${name}@${oldest}`)
})

describe.each(hosts)('in $name', ({ serve }) => {
  it('the middleware wants a key, charges an answer, and refuses what its account cannot pay', async () => {
    const box = await openBox()
    const rich = await openAccount(box)
    const poor = await openAccount(box, { balance: credits(1) })
    const { url } = await listen(serve(box))
    const ask = (key?: string) => apiClient(url, key).post('/ai/ask', {})
    expect(await ask()).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } })
    expect(await ask(rich.key)).toMatchObject({ status: 200, body: { text: expect.any(String) } })
    expect(await ask(poor.key)).toMatchObject({ status: 402, body: { code: 'INSUFFICIENT_CREDITS', available: '1' } })
    await expect
      .poll(async () => (await box.ledger.workflows({ accountId: rich.accountId })).workflows.map(({ state }) => state), {
        interval: 5,
      })
      .toEqual(['closed'])
    expect(await box.ledger.balance(rich.accountId)).toMatchObject({ balance: credits(9_999), held: 0n })
  })

  it('the routes answer, with and without a body', async () => {
    const box = await openBox()
    const { key } = await openAccount(box)
    const api = apiClient((await listen(serve(box))).url, key)
    expect(await api.get('/api/v1/credits')).toMatchObject({ status: 200, body: { credit_balance: 10_000 } })
    expect(await api.post('/v1/chat/completions', { model: 'auto', ...question })).toMatchObject({
      status: 200,
      body: { object: 'chat.completion' },
    })
    expect(await api.post('/v1/chat/completions', {})).toMatchObject({ status: 422, body: { error: { param: 'model' } } })
  })
})
