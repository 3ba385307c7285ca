import { credits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { expectInvalid, NOON, type Suite, usage, work } from './suite.ts'

export function exerciseAccounts(suite: Suite): void {
  describe('accounts', () => {
    it('a new account has nothing and owes nothing', async () => {
      const accountId = await suite.account(0, { name: 'Grace' })
      expect(await suite.ledger.balance(accountId)).toEqual({
        accountId,
        name: 'Grace',
        balance: 0n,
        held: 0n,
        available: 0n,
        creditLimit: 0n,
        debt: 0n,
      })
    })

    it('an account is opened once, however often it is asked for', async () => {
      const accountId = await suite.account(0)
      expect(await suite.ledger.openAccount({ accountId, name: 'Ada' })).toEqual({ status: 'opened', accountId, replayed: true })
      await expect(suite.ledger.openAccount({ accountId, name: 'Eve' })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
        differs: ['name'],
      })
      await expect(suite.ledger.openAccount({ accountId, name: 'Ada', idempotencyKey: 'again' })).rejects.toMatchObject({
        code: 'ALREADY_EXISTS',
        id: accountId,
      })
    })

    it('an account may be named by an idempotency key alone', async () => {
      const idempotencyKey = `sign-up ${Math.random()}`
      const first = await suite.ledger.openAccount({ name: 'Ada', idempotencyKey })
      expect(await suite.ledger.openAccount({ name: 'Ada', idempotencyKey })).toEqual({ ...first, replayed: true })
    })

    it('every verb refuses an account that does not exist', async () => {
      const accountId = 'nobody'
      const calls = [
        suite.ledger.balance(accountId),
        suite.ledger.grant({ accountId, amount: credits(1) }),
        suite.ledger.placeHold({ accountId, amount: credits(1), ...work }),
        suite.ledger.extendHold({ accountId, holdId: 'h', ttlMs: 1 }),
        suite.ledger.settleHold({ accountId, holdId: 'h', usage: usage(1) }),
        suite.ledger.releaseHold({ accountId, holdId: 'h' }),
        suite.ledger.charge({ accountId, ...work, usage: usage(1) }),
        suite.ledger.openWorkflow({ accountId, name: 'w' }),
        suite.ledger.closeWorkflow({ accountId, workflowId: 'w' }),
        suite.ledger.createApiKey({ accountId }),
        suite.ledger.revokeApiKey({ accountId, apiKeyId: 'k' }),
        suite.ledger.setKeyServices({ accountId, apiKeyId: 'k', services: [] }),
        suite.ledger.setBudget({ accountId, period: 'day', limit: credits(1) }),
      ]
      for (const call of await Promise.allSettled(calls)) {
        expect(call).toMatchObject({ status: 'rejected', reason: { code: 'ACCOUNT_NOT_FOUND', id: accountId } })
      }
    })

    it('a hold, workflow or key of another account is not found', async () => {
      const owner = await suite.account(10_000)
      const stranger = await suite.account(10_000)
      const holdId = await suite.hold(owner, 10)
      const { workflowId } = (await suite.ledger.openWorkflow({ accountId: owner, name: 'w' })) as { workflowId: string }
      const { apiKeyId } = (await suite.ledger.createApiKey({ accountId: owner })) as { apiKeyId: string }
      const accountId = stranger
      for (const [code, call] of [
        ['HOLD_NOT_FOUND', () => suite.ledger.settleHold({ accountId, holdId, usage: usage(1) })],
        ['HOLD_NOT_FOUND', () => suite.ledger.extendHold({ accountId, holdId, ttlMs: 1 })],
        ['HOLD_NOT_FOUND', () => suite.ledger.releaseHold({ accountId, holdId })],
        ['HOLD_NOT_FOUND', () => suite.ledger.hold(accountId, holdId)],
        ['WORKFLOW_NOT_FOUND', () => suite.ledger.workflow(accountId, workflowId)],
        ['WORKFLOW_NOT_FOUND', () => suite.ledger.closeWorkflow({ accountId, workflowId })],
        ['WORKFLOW_NOT_FOUND', () => suite.ledger.openWorkflow({ accountId, name: 'child', parentId: workflowId })],
        ['WORKFLOW_NOT_FOUND', () => suite.ledger.placeHold({ accountId, amount: credits(1), ...work, workflowId })],
        ['WORKFLOW_NOT_FOUND', () => suite.ledger.charge({ accountId, ...work, usage: usage(1), workflowId })],
        ['API_KEY_NOT_FOUND', () => suite.ledger.revokeApiKey({ accountId, apiKeyId })],
        ['API_KEY_NOT_FOUND', () => suite.ledger.setKeyServices({ accountId, apiKeyId, services: [] })],
      ] as const) {
        await expect(call()).rejects.toMatchObject({ code })
      }
      expect(await suite.money(owner)).toEqual({ balance: 10_000, held: 10, available: 9_990 })
    })

    it('accounts are listed by id, a page at a time', async () => {
      const ids = [await suite.account(1), await suite.account(2)].sort()
      const listed: string[] = []
      for (let after = ''; ; ) {
        const page = await suite.ledger.accounts({ after, limit: 7 })
        listed.push(...page.map(({ accountId }) => accountId))
        if (page.length < 7) break
        after = page.at(-1)?.accountId ?? ''
      }
      expect(listed).toEqual([...new Set(listed)])
      expect(listed.filter((id) => ids.includes(id))).toEqual(ids)
    })

    it('a page of nothing, of less, or of a part of a row is refused by the name of the field', async () => {
      const accountId = await suite.account(1)
      for (const limit of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5' as never]) {
        await expectInvalid('limit', () => suite.ledger.accounts({ limit }))
        await expectInvalid('limit', () => suite.ledger.statement(accountId, { limit }))
        await expectInvalid('limit', () => suite.ledger.latestStatement(accountId, { limit }))
        await expectInvalid('limit', () => suite.ledger.events({ accountId }, { limit }))
        await expectInvalid('limit', () => suite.ledger.sweep({ limit }))
        await expectInvalid('limit', () => suite.ledger.history.usageAfter(accountId, 0, limit))
      }
    })

    it('an option that a list or a sweep does not have is refused, as a misspelt limit would be ignored', async () => {
      const accountId = await suite.account(1)
      const wrong = { limt: 5 } as never
      for (const call of [
        () => suite.ledger.accounts(wrong),
        () => suite.ledger.statement(accountId, wrong),
        () => suite.ledger.latestStatement(accountId, wrong),
        () => suite.ledger.events({ accountId }, wrong),
        () => suite.ledger.sweep(wrong),
      ]) {
        await expect(call()).rejects.toThrow(/^limt: \w+\(\) has no such option; .* Did you mean limit\?$/)
      }
    })

    it('names and ids that no database could keep are refused', async () => {
      for (const name of ['', 'x'.repeat(201), 'a\0b', 'a\nb', '\ud800', 7, null]) {
        await expectInvalid('name', () => suite.ledger.openAccount({ name: name as string }))
      }
      for (const accountId of ['', 'a\0b', 'x'.repeat(201), 5, null]) {
        await expectInvalid('accountId', () => suite.ledger.grant({ accountId: accountId as string, amount: credits(1) }))
        await expectInvalid('accountId', () => suite.ledger.balance(accountId as string))
      }
    })

    it('what no stored text can be is not looked for: a filter or a cursor is refused by name, a document is not there', async () => {
      const accountId = await suite.account(1)
      const { ledger } = suite
      for (const text of ['a\0b', '\ud800', 5 as never]) {
        for (const field of ['userId', 'apiKeyId', 'name', 'state']) {
          await expectInvalid(field, () => ledger.workflows({ accountId, [field]: text }))
        }
        for (const field of ['userId', 'apiKeyId', 'workflowName', 'service', 'provider']) {
          await expectInvalid(field, () => ledger.breakdowns({ accountId, [field]: text }))
          await expectInvalid(field, () => ledger.usageSeries({ accountId, granularity: 'day', [field]: text }))
        }
        const series = (startsAt: number, name: string) =>
          ledger.usageSeries({ accountId, granularity: 'day', after: { startsAt, name } })
        await expectInvalid('after.name', () => series(0, text))
        await expectInvalid('after.startsAt', () => series(0.5, ''))
        const workflows = (createdAt: number, workflowId: string) =>
          ledger.workflows({ accountId }, { before: { createdAt, workflowId } })
        await expectInvalid('before.workflowId', () => workflows(0, text))
        await expectInvalid('before.createdAt', () => workflows(0.5, ''))
        await expectInvalid('after', () => ledger.accounts({ after: text }))
        await expectInvalid('workflowId', () => ledger.usageOf(accountId, text))
        await expectInvalid('workflowIds[1]', () => ledger.usageOfWorkflows(accountId, ['w', text]))
        await expectInvalid('ids[0]', () => ledger.history.usageOf(accountId, [text]))
        await expectInvalid('kind', () => ledger.history.lastDocument(accountId, text))
      }
      await expectInvalid('until', () => ledger.history.usage({ until: Number.POSITIVE_INFINITY }).next())
      for (const documentId of ['a\0b', '\ud800', '', 'x'.repeat(300)]) {
        expect(await ledger.document(accountId, 'agent', documentId)).toBeUndefined()
      }
    })

    it('any number of ids can be looked for at once', async () => {
      const accountId = await suite.account(2)
      await suite.ledger.charge({
        ...work,
        accountId,
        usageId: 'u',
        workflowId: 'w',
        opensWorkflow: { name: 'n' },
        usage: usage(1),
      })
      const among = (id: string) => [...Array.from({ length: 70_000 }, (_, index) => `none${index}`), id]
      expect([...(await suite.ledger.usageOfWorkflows(accountId, among('w'))).keys()]).toEqual(['w'])
      expect(await suite.ledger.history.usageOf(accountId, among('u'))).toMatchObject([{ usageId: 'u' }])
    })

    it.each([NOON + 0.5, 8.64e15, 2 ** 53, -1, Number.NaN, undefined])(
      'a clock that tells %s is said to be wrong, and the account goes on by the right time',
      async (now) => {
        const accountId = await suite.account(10)
        await suite.ledger.setBudget({ accountId, period: 'day', limit: credits(5) })
        suite.now = now as number
        const wrong = { code: 'INVALID_OPTION', message: expect.stringContaining(`clock must return whole milliseconds`) }
        await expect(suite.ledger.charge({ accountId, ...work, usage: usage(1) })).rejects.toMatchObject(wrong)
        await expect(suite.ledger.currentBudgets(accountId)).rejects.toMatchObject(wrong)
        suite.now = NOON
        await suite.ledger.charge({ accountId, ...work, usage: usage(1) })
        expect((await suite.ledger.latestStatement(accountId, { limit: 1 })).items).toMatchObject([{ at: NOON }])
      },
    )

    it('names and ids in any script, with quotes and percent signs, come back as they were', async () => {
      const name = `Zoë "Ω" 'x' \\ % _ ; -- {holds} 🎟️`
      const accountId = `${name} ${Math.random()}`
      await suite.account(5, { name, accountId })
      expect(await suite.ledger.balance(accountId)).toMatchObject({ accountId, name })
      const holdId = await suite.hold(accountId, 1, { provider: name, userId: name })
      expect(await suite.ledger.hold(accountId, holdId)).toMatchObject({ provider: name, userId: name })
    })
  })
}
