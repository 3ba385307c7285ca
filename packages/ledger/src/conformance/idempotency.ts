import { credits, microUnits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { IdempotencyConflictError } from '../errors.ts'
import { charged, NOON, type Suite, usage, work } from './suite.ts'

export function exerciseIdempotency(suite: Suite): void {
  /** Every verb that changes something, ready to be sent again and again, with the same content or with some of it changed. */
  async function everyVerb(accountId: string) {
    const { ledger } = suite
    const key = (name: string) => ({ accountId, idempotencyKey: `${name} of the test` })
    await ledger.setAlerts({ accountId, topUp: { at: credits(100_000), amount: credits(1) } })
    const [{ id: topUpId } = { id: '' }] = await ledger.events({ accountId })
    for (const grantId of ['revoked', 'reversed']) await ledger.grant({ accountId, grantId, amount: credits(5) })
    for (const usageId of ['refunded', 'adjusted']) await ledger.charge({ accountId, usageId, ...work, usage: usage(3) })
    await ledger.openWorkflow({ accountId, workflowId: 'w', name: 'w' })
    await ledger.createApiKey({ accountId, apiKeyId: 'k' })
    for (const holdId of ['settled', 'released', 'extended']) await suite.hold(accountId, 10, { holdId, workflowId: 'w' })
    const verbs: Record<string, (more?: object) => Promise<{ status: string; replayed?: boolean }>> = {
      grant: (more) => ledger.grant({ ...key('grant'), amount: credits(5), ...more }),
      placeHold: (more) => ledger.placeHold({ ...key('placeHold'), ...work, amount: credits(5), unitPrice: credits(1), ...more }),
      extendHold: (more) =>
        ledger.extendHold({ ...key('extendHold'), holdId: 'extended', amount: credits(20), ttlMs: 1_000, ...more }),
      settleHold: (more) => ledger.settleHold({ ...key('settleHold'), holdId: 'settled', usage: usage(3), ...more }),
      releaseHold: (more) => ledger.releaseHold({ ...key('releaseHold'), holdId: 'released', ...more }),
      charge: (more) => ledger.charge({ ...key('charge'), ...work, usage: usage(3), ...more }),
      refund: (more) => ledger.refund({ ...key('refund'), usageId: 'refunded', amount: credits(1), ...more }),
      adjust: (more) => ledger.adjust({ ...key('adjust'), usageId: 'adjusted', charge: credits(4), ...more }),
      revokeGrant: (more) => ledger.revokeGrant({ ...key('revokeGrant'), grantId: 'revoked', ...more }),
      chargeback: (more) => ledger.chargeback({ ...key('chargeback'), grantId: 'reversed', ...more }),
      freezeAccount: (more) => ledger.freezeAccount({ ...key('freezeAccount'), isFrozen: false, ...more }),
      openWorkflow: (more) => ledger.openWorkflow({ ...key('openWorkflow'), name: 'other', maxCredits: credits(5), ...more }),
      createApiKey: (more) => ledger.createApiKey({ ...key('createApiKey'), services: [{ service: 'gpt' }], ...more }),
      rotateApiKey: (more) => ledger.rotateApiKey({ ...key('rotateApiKey'), apiKeyId: 'k', ...more }),
      setKeyServices: (more) =>
        ledger.setKeyServices({ ...key('setKeyServices'), apiKeyId: 'k', services: [{ service: 'phone' }], ...more }),
      setBudget: (more) => ledger.setBudget({ ...key('setBudget'), period: 'day', limit: credits(1_000), ...more }),
      revokeApiKey: (more) => ledger.revokeApiKey({ ...key('revokeApiKey'), apiKeyId: 'k', ...more }),
      closeWorkflow: (more) => ledger.closeWorkflow({ ...key('closeWorkflow'), workflowId: 'w', ...more }),
      cancelTopUp: (more) => ledger.cancelTopUp({ ...key('cancelTopUp'), topUpId, ...more }),
      setAlerts: (more) => ledger.setAlerts({ ...key('setAlerts'), balanceLow: credits(1), ...more }),
      saveDocument: (more) =>
        ledger.saveDocument({ ...key('saveDocument'), kind: 'agent', documentId: 'd', body: { n: 1 }, ...more }),
    }
    return verbs
  }

  /** Of each verb another content, and the field in which it differs. */
  const otherContents: Record<string, [object, string]> = {
    grant: [{ source: 'promo' }, 'source'],
    placeHold: [{ ttlMs: 5_000 }, 'ttlMs'],
    extendHold: [{ amount: credits(21) }, 'amount'],
    settleHold: [{ usage: usage(3, { unit: 'minutes' }) }, 'usage.unit'],
    releaseHold: [{ holdId: 'extended' }, 'holdId'],
    charge: [{ userId: 'ada' }, 'userId'],
    refund: [{ reason: 'late' }, 'reason'],
    adjust: [{ charge: credits(5) }, 'charge'],
    revokeGrant: [{ grantId: 'first' }, 'grantId'],
    chargeback: [{ grantId: 'first' }, 'grantId'],
    freezeAccount: [{ isFrozen: true }, 'isFrozen'],
    openWorkflow: [{ maxCredits: credits(6) }, 'maxCredits'],
    createApiKey: [{ name: 'other' }, 'name'],
    rotateApiKey: [{ graceMs: 5 }, 'graceMs'],
    setKeyServices: [{ services: [] }, 'services'],
    setBudget: [{ mode: 'warn' }, 'mode'],
    revokeApiKey: [{ apiKeyId: 'other' }, 'apiKeyId'],
    closeWorkflow: [{ workflowId: 'other' }, 'workflowId'],
    cancelTopUp: [{ reason: 'declined' }, 'reason'],
    setAlerts: [{ balanceLow: credits(2) }, 'balanceLow'],
    saveDocument: [{ body: { n: 2 } }, 'body.n'],
  }

  describe('idempotency', () => {
    it('the same usage under a newer price book is the same change', async () => {
      const accountId = await suite.account(100)
      const at = (rated: number, priceVersion: string) => ({
        ...work,
        accountId,
        idempotencyKey: 'k',
        usage: usage(rated, { priceVersion }),
      })
      const first = await suite.ledger.charge(at(3, 'book@1'))
      expect(await suite.ledger.charge(at(4, 'book@2'))).toEqual({ ...first, replayed: true })
    })

    it('every verb that is sent again answers as it did the first time, and changes nothing', async () => {
      const accountId = await suite.account(10_000)
      for (const [verb, call] of Object.entries(await everyVerb(accountId))) {
        const first = await call()
        expect(first, verb).toMatchObject({ replayed: false })
        const before = await suite.ledger.statement(accountId)
        suite.now += 1
        const { secret: _, ...kept } = first as { secret?: string }
        expect(await call(), verb).toEqual({ ...kept, replayed: true })
        expect(await suite.ledger.statement(accountId), verb).toEqual(before)
      }
    })

    it('every verb that is sent ten times at once happens once', async () => {
      const accountId = await suite.account(10_000)
      for (const [verb, call] of Object.entries(await everyVerb(accountId))) {
        const before = (await suite.ledger.statement(accountId)).items.length
        const outcomes = await Promise.all(Array.from({ length: 10 }, () => call()))
        expect(
          outcomes.filter(({ replayed }) => replayed === false),
          verb,
        ).toHaveLength(1)
        expect((await suite.ledger.statement(accountId)).items.length, verb).toBe(before + 1)
      }
    })

    it('a replay is answered from the first time even when the hold is long gone', async () => {
      const accountId = await suite.account(100)
      const place = () => suite.ledger.placeHold({ accountId, holdId: 'h', ...work, amount: credits(10) })
      const first = await place()
      await suite.ledger.settleHold({ accountId, holdId: 'h', usage: usage(10) })
      suite.now = NOON + 1e9
      expect(await place()).toEqual({ ...first, replayed: true })
      expect(await suite.money(accountId)).toEqual({ balance: 90, held: 0, available: 90 })
    })

    it('the same key with other content is a conflict that names every field that differs', async () => {
      const accountId = await suite.account(100)
      const key = { accountId, idempotencyKey: 'k' }
      await suite.ledger.placeHold({ ...key, ...work, amount: credits(10), userId: 'u' })
      await expect(
        suite.ledger.placeHold({ ...key, service: 'gpt', provider: 'other', amount: credits(11), workflowId: 'w' }),
      ).rejects.toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
        idempotencyKey: 'k',
        differs: ['amount', 'provider', 'userId', 'workflowId'],
      })
      await expect(suite.ledger.grant({ ...key, amount: credits(10) })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
        differs: expect.arrayContaining(['verb']),
      })
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 10, available: 90 })
    })

    it('another content under the key of any verb is a conflict that names the field, and changes nothing', async () => {
      const accountId = await suite.account(10_000)
      for (const [verb, call] of Object.entries(await everyVerb(accountId))) {
        await call()
        const before = await suite.ledger.statement(accountId)
        const [more, field] = otherContents[verb] ?? []
        await expect(call(more), verb).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', differs: [field] })
        expect(await suite.ledger.statement(accountId), verb).toEqual(before)
      }
    })

    it('a conflict in the usage names the field inside it, however long its details are', async () => {
      const accountId = await suite.account(100)
      const long = 'x'.repeat(1_000)
      const charge = (more: object) =>
        suite.ledger.charge({ accountId, usageId: 'u', ...work, usage: { ...usage(1), details: { long }, ...more } })
      await charge({})
      expect(await charge({})).toMatchObject({ replayed: true })
      await expect(charge({ details: { long: `${long}!` } })).rejects.toMatchObject({ differs: ['usage.details'] })
      await expect(charge({ quantity: microUnits(5n), cost: 7n, model: 'm' })).rejects.toMatchObject({
        differs: ['usage.cost', 'usage.model', 'usage.quantity'],
      })
      expect((await suite.money(accountId)).balance).toBe(99)
    })

    it('a conflict inside one batch is found as well, and its neighbours go on', async () => {
      const accountId = await suite.account(100)
      const hold = (amount: number) =>
        suite.ledger.placeHold({ accountId, idempotencyKey: 'same', ...work, amount: credits(amount) })
      const [first, second, third, fourth] = await Promise.allSettled([hold(10), hold(11), hold(10), suite.hold(accountId, 20)])
      expect(first).toMatchObject({ value: { status: 'held', replayed: false } })
      expect(second).toMatchObject({ reason: { code: 'IDEMPOTENCY_CONFLICT', differs: ['amount'] } })
      expect(third).toMatchObject({ value: { status: 'held', replayed: true } })
      expect(fourth.status).toBe('fulfilled')
      expect(await suite.money(accountId)).toEqual({ balance: 100, held: 30, available: 70 })
    })

    it('the same key in two accounts means two things', async () => {
      const [one, two] = [await suite.account(100), await suite.account(100)]
      for (const accountId of [one, two]) {
        expect(await suite.ledger.charge({ accountId, idempotencyKey: 'k', ...work, usage: usage(1) })).toMatchObject({
          replayed: false,
        })
      }
    })

    it('an id that exists under another key is refused, not replayed', async () => {
      const accountId = await suite.account(100)
      const { ledger } = suite
      await suite.hold(accountId, 1, { holdId: 'x' })
      await ledger.openWorkflow({ accountId, workflowId: 'x', name: 'x' })
      await ledger.createApiKey({ accountId, apiKeyId: 'x', minimumBalance: credits(0) })
      await ledger.charge({ accountId, usageId: 'x', ...work, usage: usage(1) })
      const key = { accountId, idempotencyKey: 'new' }
      for (const call of [
        () => ledger.grant({ ...key, grantId: 'first', amount: credits(1) }),
        () => ledger.placeHold({ ...key, holdId: 'x', ...work, amount: credits(1) }),
        () => ledger.openWorkflow({ ...key, workflowId: 'x', name: 'x' }),
        () => ledger.createApiKey({ ...key, apiKeyId: 'x', minimumBalance: credits(0) }),
        () => ledger.charge({ ...key, usageId: 'x', ...work, usage: usage(1) }),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
      }
    })

    it('an id that a charge has taken already is told as such when a hold of that id is settled', async () => {
      const accountId = await suite.account(100)
      await suite.ledger.charge({ accountId, usageId: 'x', ...work, usage: usage(1) })
      await suite.hold(accountId, 5, { holdId: 'x' })
      await expect(suite.ledger.settleHold({ accountId, holdId: 'x', usage: usage(2) })).rejects.toThrow(IdempotencyConflictError)
      charged(await suite.ledger.settleHold({ accountId, holdId: 'x', usageId: 'y', usage: usage(2) }))
      await suite.hold(accountId, 5, { holdId: 'z', idempotencyKey: 'usage:z' })
      const transaction = await suite.begin()
      const settled = suite.ledger.settleHold({ accountId, holdId: 'z', usage: usage(2) }, { transaction: transaction.handle })
      await expect(settled).rejects.toThrow(IdempotencyConflictError)
      await transaction.rollback()
      expect(await suite.money(accountId)).toMatchObject({ balance: 97, held: 5 })
    })
  })
}
