import { credits, microUnits } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import { type Suite, usage, work } from './suite.ts'

export function exerciseOperators(suite: Suite): void {
  describe('what operators type', () => {
    it('the newest workflows with what they cost and which services they used', async () => {
      const accountId = await suite.account(1_000)
      // Later than the workflows of all other tests, so that LIMIT 5 shows these.
      suite.now += 1e10
      for (const workflowId of ['old', 'new']) {
        suite.now += 1_000
        await suite.ledger.openWorkflow({ accountId, workflowId, name: `${workflowId} call` })
      }
      const phone = { service: 'phone', provider: 'twilio' }
      await suite.ledger.charge({
        accountId,
        workflowId: 'new',
        ...phone,
        usage: usage(100, { unit: 'minutes', quantity: microUnits(5_000_000n) }),
      })
      const fine = usage('2.5', { quantity: microUnits(2_500_000_000n), roundingStep: 100_000n as never })
      await suite.ledger.charge({ accountId, workflowId: 'new', ...work, usage: fine })
      const rows = await suite.sql(
        'SELECT workflow_name, total_credits_used, services_used FROM multi_service_usage_records ORDER BY created_at DESC LIMIT 5',
      )
      expect(rows[0]).toMatchObject({ workflow_name: 'new call' })
      expect(Number(rows[0]?.total_credits_used)).toBe(102.5)
      const services = rows[0]?.services_used
      expect(typeof services === 'string' ? JSON.parse(services) : services).toEqual([
        { service_type: 'phone', provider: 'twilio', units_consumed: 5, unit_type: 'minutes', credits_used: 100 },
        { service_type: 'gpt', provider: 'gpt-4o-mini', units_consumed: 2_500, unit_type: 'tokens', credits_used: 2.5 },
      ])
      expect(rows[1]).toMatchObject({ workflow_name: 'old call' })
      expect(Number(rows[1]?.total_credits_used)).toBe(0)
    })

    it('who has credits, in credits', async () => {
      const rich = await suite.account(103)
      const poor = await suite.account(0)
      const fraction = await suite.account(credits('0.25'))
      const rows = await suite.sql('SELECT id, credit_balance FROM users WHERE credit_balance > 0')
      const balances = new Map(rows.map(({ id, credit_balance }) => [id, Number(credit_balance)]))
      expect(balances.get(rich)).toBe(103)
      expect(balances.get(fraction)).toBe(0.25)
      expect(balances.has(poor)).toBe(false)
    })

    it('which services a key may use, at which limit in credits and since when', async () => {
      const accountId = await suite.account(10_000)
      await suite.ledger.createApiKey({
        accountId,
        apiKeyId: accountId,
        services: [
          { service: 'gpt', provider: 'gpt-4o', enabled: false, costLimitPerRequest: credits(5) },
          { service: 'phone', costLimitPerRequest: credits('0.25') },
          { service: 'vision' },
        ],
      })
      const rows = await suite.sql(
        `SELECT id, api_key_id, service_type, provider, enabled, cost_limit_per_request, created_at FROM api_key_services WHERE api_key_id = '${accountId}' ORDER BY service_type`,
      )
      const read = rows.map(({ enabled, cost_limit_per_request: limit, created_at, ...row }) => ({
        ...row,
        enabled: Boolean(enabled),
        limit: limit === null ? null : Number(limit),
        createdAt: new Date(created_at as string).getTime(),
      }))
      const each = { api_key_id: accountId, createdAt: suite.now }
      expect(read).toEqual([
        { ...each, id: `${accountId}:gpt:gpt-4o`, service_type: 'gpt', provider: 'gpt-4o', enabled: false, limit: 5 },
        { ...each, id: `${accountId}:phone:`, service_type: 'phone', provider: null, enabled: true, limit: 0.25 },
        { ...each, id: `${accountId}:vision:`, service_type: 'vision', provider: null, enabled: true, limit: null },
      ])
    })
  })
}
