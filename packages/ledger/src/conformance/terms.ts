import { credits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { HOUR, NOON, type Suite } from './suite.ts'

export function exerciseTerms(suite: Suite): void {
  /** An account with which everything was agreed that no sum tells of. */
  async function agreedAccount(): Promise<string> {
    const accountId = await suite.account(6_000, { creditLimit: credits(20), debtLimit: credits(5) })
    const { ledger } = suite
    // Before any grant that they could pin.
    await ledger.openWorkflow({
      accountId,
      workflowId: 'w',
      name: 'call',
      userId: 'ada',
      maxCredits: credits(90),
      reserve: credits(30),
    })
    await ledger.openWorkflow({ accountId, workflowId: 'leg', name: 'leg', parentId: 'w', businessAdapter: 'taxi' })
    await ledger.openWorkflow({ accountId, workflowId: 'over', name: 'call', maxCredits: credits(1) })
    await ledger.closeWorkflow({ accountId, workflowId: 'over' })
    const opensWorkflow = { name: 'one', maxCredits: credits(9) }
    await suite.hold(accountId, 2, { holdId: 'one', workflowId: 'one', opensWorkflow, ttlMs: 9 * HOUR })
    await suite.hold(accountId, 5, { holdId: 'h', workflowId: 'leg', apiKeyId: 'k', overage: 'reject', ttlMs: HOUR })
    await ledger.extendHold({ accountId, holdId: 'h', amount: credits(6), ttlMs: 9 * HOUR })
    await ledger.extendHold({ accountId, holdId: 'reserve:w', ttlMs: 9 * HOUR })
    const services = Array.from({ length: 12 }, (_, index) => `service_${index}`)
    await ledger.grant({ accountId, grantId: 'plan', source: 'plan', priority: 5, amount: credits(10), services })
    await ledger.grant({
      accountId,
      grantId: 'promo',
      source: 'promo',
      amount: credits(10),
      expiresAt: NOON + HOUR,
      rollover: { times: 2, ttlMs: 2 * HOUR },
    })
    await ledger.grant({ accountId, grantId: 'later', amount: credits(10), effectiveAt: NOON + 3 * HOUR })
    const budget = { accountId, budgetId: 'b', period: 'day', timeZone: 'Europe/Berlin' } as const
    await ledger.setBudget({ ...budget, limit: credits(50), userId: 'ada' })
    await ledger.setBudget({ ...budget, limit: credits(40), service: 'gpt', alertsAtPercent: [50] })
    const key = await ledger.createApiKey({ accountId, apiKeyId: 'k', userId: 'ada', expiresAt: NOON + 9 * HOUR })
    expect(key.status).toBe('created')
    await ledger.rotateApiKey({ accountId, apiKeyId: 'k' })
    await ledger.createApiKey({ accountId, apiKeyId: 'gone' })
    await ledger.revokeApiKey({ accountId, apiKeyId: 'gone' })
    await ledger.freezeAccount({ accountId, isFrozen: true })
    await ledger.freezeAccount({ accountId, isFrozen: false })
    suite.now = NOON + HOUR
    await ledger.balance(accountId)
    return accountId
  }

  describe('what was agreed', () => {
    it('is as the journal says, whatever became of it', async () => {
      const accountId = await agreedAccount()
      expect((await suite.ledger.grants(accountId)).map(({ grantId }) => grantId)).toContain('rollover:promo')
      expect((await suite.ledger.verify(accountId)).mismatches).toEqual([])
      // Again by its own rollover, and with what takes effect later.
      suite.now = NOON + 3 * HOUR
      await suite.ledger.freezeAccount({ accountId, isFrozen: true })
      await suite.ledger.revokeApiKey({ accountId, apiKeyId: 'k' })
      await suite.ledger.revokeApiKey({ accountId, apiKeyId: 'gone' })
      expect((await suite.ledger.grants(accountId)).map(({ grantId }) => grantId)).toContain('rollover:rollover:promo')
      expect((await suite.ledger.verify(accountId)).mismatches).toEqual([])
    })

    it('is so for ids of any length, such as those of budgets that are named after their scope', async () => {
      const accountId = await suite.account(6_000)
      const { ledger } = suite
      const [apiKeyId, userId] = ['k'.repeat(200), 'u'.repeat(81)]
      expect(await ledger.createApiKey({ accountId, apiKeyId, userId })).toMatchObject({ status: 'created' })
      await ledger.rotateApiKey({ accountId, apiKeyId })
      await ledger.setBudget({ accountId, budgetId: 'b'.repeat(200), limit: credits(5), period: 'day' })
      const ofBoth = { accountId, apiKeyId: crypto.randomUUID(), userId: crypto.randomUUID(), period: 'month' } as const
      expect((await ledger.setBudget({ ...ofBoth, limit: credits(5) })).budgetId.length).toBeGreaterThan(80)
      await ledger.setBudget({ ...ofBoth, limit: credits(6) })
      expect((await ledger.verify(accountId)).mismatches).toEqual([])
      await ledger.revokeApiKey({ accountId, apiKeyId })
      expect((await ledger.verify(accountId)).mismatches).toEqual([])
    })

    // Each tampers with one row, in SQL that both databases accept. `{id}` stands for the account.
    it.each<[string, string, string]>([
      ['a raised credit limit', 'account creditLimit', `UPDATE farebox_accounts SET credit_limit = 99000000 {here}`],
      ['a raised debt limit', 'account debtLimit', `UPDATE farebox_accounts SET debt_limit = 99000000 {here}`],
      ['a frozen account', 'account isFrozen', `UPDATE farebox_accounts SET is_frozen = (1 = 1) {here}`],
      ['budgets that are switched off', 'account hasBudgets', `UPDATE farebox_accounts SET has_budgets = (1 = 0) {here}`],
      ['a raised budget', 'b limit', `UPDATE farebox_budgets SET credit_limit = credit_limit + 1 {here}`],
      ['a budget that only warns', 'b mode', `UPDATE farebox_budgets SET mode = 'warn' {here}`],
      ['a budget of another period', 'b period', `UPDATE farebox_budgets SET period = 'hour' {here}`],
      ['a budget of another service', 'b service', `UPDATE farebox_budgets SET service = 'vision' {here}`],
      ['a budget of another user', 'b userId', `UPDATE farebox_budgets SET user_id = 'bob' {here}`],
      ['a budget of another time zone', 'b timeZone', `UPDATE farebox_budgets SET time_zone = 'UTC' {here}`],
      ['a budget without its alert', 'b alertsAtPercent', `UPDATE farebox_budgets SET alerts_at_percent = '[]' {here}`],
      ['a deleted budget', 'b', `DELETE FROM farebox_budgets {here}`],
      ['another budget', 'other', `UPDATE farebox_budgets SET budget_id = 'other' {here}`],
      [
        'a grant that never expires',
        'promo expiresAt',
        `UPDATE farebox_grants SET expires_at = NULL {here} AND grant_id = 'promo'`,
      ],
      ['a grant of another source', 'plan source', `UPDATE farebox_grants SET source = 'purchase' {here} AND grant_id = 'plan'`],
      ['a grant that is spent last', 'plan priority', `UPDATE farebox_grants SET priority = 900 {here} AND grant_id = 'plan'`],
      ['a grant for everything', 'plan services', `UPDATE farebox_grants SET services = NULL {here} AND grant_id = 'plan'`],
      [
        'a grant that takes effect sooner',
        'later effectiveAt',
        `UPDATE farebox_grants SET effective_at = effective_at - 1 {here} AND grant_id = 'later'`,
      ],
      [
        'a remainder that lasts longer',
        'rollover:promo expiresAt',
        `UPDATE farebox_grants SET expires_at = expires_at + 1 {here} AND grant_id = 'rollover:promo'`,
      ],
      [
        'a grant that is carried over more often',
        'promo rollover',
        `UPDATE farebox_grants SET rollover = replace(rollover, '2', '9') {here} AND grant_id = 'promo'`,
      ],
      [
        'a remainder that is carried over for ever',
        'rollover:promo rollover',
        `UPDATE farebox_grants SET rollover = replace(rollover, '1', '9') {here} AND grant_id = 'rollover:promo'`,
      ],
      [
        'a grant that is spent before its turn',
        'plan createdAt',
        `UPDATE farebox_grants SET created_at = created_at - 1 {here} AND grant_id = 'plan'`,
      ],
      ['an account on which nothing falls due', 'account nextDueAt', `UPDATE farebox_accounts SET next_due_at = NULL {here}`],
      ['a window that ends sooner', 'b windowEnd', `UPDATE farebox_budgets SET window_end = window_end - 1 {here}`],
      ['a hold under another policy', 'h overage', `UPDATE farebox_holds SET overage = 'debt' {here} AND hold_id = 'h'`],
      [
        'a hold that lasts longer',
        'h expiresAt',
        `UPDATE farebox_holds SET expires_at = expires_at + 1 {here} AND hold_id = 'h'`,
      ],
      ['a hold with more grace', 'h graceMs', `UPDATE farebox_holds SET grace_ms = grace_ms + 1 {here} AND hold_id = 'h'`],
      ['a hold for another service', 'h service', `UPDATE farebox_holds SET service = 'vision' {here} AND hold_id = 'h'`],
      ['a hold of another key', 'h apiKeyId', `UPDATE farebox_holds SET api_key_id = NULL {here} AND hold_id = 'h'`],
      ['a hold that nobody placed', 'mine', `UPDATE farebox_holds SET hold_id = 'mine' {here} AND hold_id = 'h'`],
      [
        'a reserve that could be settled',
        'reserve:w service',
        `UPDATE farebox_holds SET service = 'gpt' {here} AND hold_id = 'reserve:w'`,
      ],
      [
        'a raised ceiling',
        'w maxCredits',
        `UPDATE farebox_workflows SET max_credits = max_credits + 1 {here} AND workflow_id = 'w'`,
      ],
      ['a ceiling that is gone', 'w maxCredits', `UPDATE farebox_workflows SET max_credits = NULL {here} AND workflow_id = 'w'`],
      ['a workflow of another user', 'w userId', `UPDATE farebox_workflows SET user_id = NULL {here} AND workflow_id = 'w'`],
      ['a workflow without its reserve', 'w reserve', `UPDATE farebox_workflows SET reserve = NULL {here} AND workflow_id = 'w'`],
      [
        'a workflow that is open again',
        'over state',
        `UPDATE farebox_workflows SET state = 'open' {here} AND workflow_id = 'over'`,
      ],
      ['a deleted key', 'k', `DELETE FROM farebox_api_keys {here} AND api_key_id = 'k'`],
      ['a key by another name', 'k name', `UPDATE farebox_api_keys SET name = 'forged' {here} AND api_key_id = 'k'`],
      ['a key that lasts longer', 'k expiresAt', `UPDATE farebox_api_keys SET expires_at = NULL {here} AND api_key_id = 'k'`],
      ['a key of another user', 'k userId', `UPDATE farebox_api_keys SET user_id = NULL {here} AND api_key_id = 'k'`],
      ['a key with another secret', 'k prefix', `UPDATE farebox_api_keys SET prefix = 'forged00' {here} AND api_key_id = 'k'`],
      ['a key that is back', 'gone revokedAt', `UPDATE farebox_api_keys SET revoked_at = NULL {here} AND api_key_id = 'gone'`],
      ['a key that nobody made', 'mine', `UPDATE farebox_api_keys SET api_key_id = 'mine' {here} AND api_key_id = 'k'`],
    ])('verify finds %s', async (_, at, statement) => {
      const accountId = await agreedAccount()
      suite.expectBroken(accountId)
      await suite.sql(statement.replace('{here}', `WHERE account_id = '${accountId}'`))
      const { mismatches } = await suite.ledger.verify(accountId)
      expect(mismatches).toContainEqual({ kind: 'terms', at, expected: expect.any(String), found: expect.any(String) })
      for (const mismatch of mismatches) expect(mismatch.expected).not.toBe(mismatch.found)
    })
  })
}
