import { credits, microUnits, nanoUsd, QUANTITY_MAX } from '@farebox/core'
import { describe, expect, it } from 'vitest'
import type { UsageSeriesInput } from '../usage-series.ts'
import type { WorkflowCursor } from '../workflow-list.ts'
import { charged, DAY, expectInvalid, HOUR, MINUTE, NOON, type Suite, usage, whole, work } from './suite.ts'

export function exerciseAnalytics(suite: Suite): void {
  /** Usage of one service after another, at times of its own. */
  async function use(accountId: string, at: number, rated: number, more: object = {}): Promise<void> {
    suite.now = at
    charged(
      await suite.ledger.charge({
        accountId,
        service: 'gpt',
        provider: 'gpt-4o-mini',
        usage: usage(rated),
        overage: 'cap',
        ...more,
      }),
    )
  }

  async function seriesOf(input: UsageSeriesInput): Promise<string[]> {
    const lines: string[] = []
    let after: UsageSeriesInput['after']
    do {
      const page = await suite.ledger.usageSeries({ ...input, after })
      lines.push(
        ...page.entries.map(
          (entry) =>
            `${new Date(entry.startsAt).toISOString().slice(0, 13)} ${entry.name} ${whole(entry.charged)} ${entry.records}`,
        ),
      )
      after = page.next
    } while (after)
    return lines
  }

  describe('analytics', () => {
    it('usage over time adds up by hour, day, week and month, and the parts of a bucket to the whole of it', async () => {
      const accountId = await suite.account(1_000)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'call' })
      const key = await suite.ledger.createApiKey({ accountId, minimumBalance: credits(0) })
      if (key.status !== 'created') throw new Error(key.reason)
      // A Wednesday, the Sunday of its week, the Monday after that, and the first of the next month.
      await use(accountId, NOON, 1, { userId: 'ada' })
      await use(accountId, NOON + HOUR, 2, { workflowId: 'w', apiKeyId: key.apiKeyId })
      await use(accountId, Date.UTC(2026, 6, 19, 23), 4, { service: 'phone', provider: 'twilio', workflowId: 'w' })
      await use(accountId, Date.UTC(2026, 6, 20), 8, { apiKeyId: 'of the host', userId: 'bob' })
      await use(accountId, Date.UTC(2026, 7, 1), 16)
      suite.now = Date.UTC(2026, 7, 2)
      const since = { accountId, from: Date.UTC(2026, 6, 1) }

      const week = { accountId, from: NOON - HOUR, to: NOON + 2 * HOUR }
      expect(await seriesOf({ ...week, granularity: 'hour' })).toEqual(['2026-07-15T12 null 1 1', '2026-07-15T13 null 2 1'])
      expect(await seriesOf({ ...since, granularity: 'day' })).toEqual([
        '2026-07-15T00 null 3 2',
        '2026-07-19T00 null 4 1',
        '2026-07-20T00 null 8 1',
        '2026-08-01T00 null 16 1',
      ])
      expect(await seriesOf({ ...since, granularity: 'week' })).toEqual([
        '2026-07-13T00 null 7 3',
        '2026-07-20T00 null 8 1',
        '2026-07-27T00 null 16 1',
      ])
      const byMonth = { ...since, granularity: 'month' } as const
      expect(await seriesOf(byMonth)).toEqual(['2026-07-01T00 null 15 4', '2026-08-01T00 null 16 1'])
      const parts = {
        workflow: ['2026-07-01T00 null 9 2', '2026-07-01T00 call 6 2', '2026-08-01T00 null 16 1'],
        service: ['2026-07-01T00 gpt 11 3', '2026-07-01T00 phone 4 1', '2026-08-01T00 gpt 16 1'],
        provider: ['2026-07-01T00 gpt_gpt-4o-mini 11 3', '2026-07-01T00 phone_twilio 4 1', '2026-08-01T00 gpt_gpt-4o-mini 16 1'],
        user: ['2026-07-01T00 null 6 2', '2026-07-01T00 ada 1 1', '2026-07-01T00 bob 8 1', '2026-08-01T00 null 16 1'],
      } as const
      for (const [groupBy, lines] of Object.entries(parts)) {
        expect(await seriesOf({ ...byMonth, groupBy: groupBy as keyof typeof parts }), groupBy).toEqual(lines)
        expect(await seriesOf({ ...byMonth, groupBy: groupBy as keyof typeof parts, limit: 1 }), `${groupBy}, in pages`).toEqual(
          lines,
        )
      }
      const byKey = await seriesOf({ ...byMonth, groupBy: 'api_key', limit: 2 })
      expect(byKey.sort()).toEqual(
        [
          '2026-07-01T00 null 5 2',
          `2026-07-01T00 ${key.prefix} 2 1`,
          '2026-07-01T00 of the host 8 1',
          '2026-08-01T00 null 16 1',
        ].sort(),
      )
    })

    it('a breakdown from hour to hour has what was used in them, and nothing of the rest of their days', async () => {
      const accountId = await suite.account(1_000)
      const midnight = Date.UTC(2026, 6, 20)
      suite.now = midnight + 1
      await suite.ledger.openWorkflow({ accountId, workflowId: 'w', name: 'early' })
      await use(accountId, midnight + 1, 5, { service: 'phone', provider: 'twilio' })
      const used = Array.from({ length: 72 }, (_, hour) => ({
        at: midnight + hour * HOUR + MINUTE,
        credits: 1 + ((hour * 7) % 13),
      }))
      for (const { at, credits: amount } of used) await use(accountId, at, amount)
      for (const [begin, end] of [
        [1, 70],
        [1, 23],
        [5, 31],
        [13, 60],
        [12, 36],
        [25, 26],
        [0, 72],
      ] as const) {
        const [from, to] = [midnight + begin * HOUR, midnight + end * HOUR]
        const { services, workflows } = await suite.ledger.breakdowns({ accountId, from, to })
        const wanted = used.filter(({ at }) => at >= from && at < to)
        const chat = {
          service: 'gpt',
          records: wanted.length,
          charged: credits(wanted.reduce((sum, each) => sum + each.credits, 0)),
        }
        const phone = { service: 'phone', records: 1, charged: credits(5) }
        expect(services).toMatchObject(begin === 0 ? [chat, phone] : [chat])
        expect(workflows.map(({ name, count }) => [name, count])).toEqual(begin === 0 ? [['early', 1]] : [])
      }
    })

    it('breakdowns of two days add up to that of both, also where what could not be taken was forgiven on the second', async () => {
      const accountId = await suite.account(0)
      await use(accountId, NOON, 5, { usageId: 'u' })
      suite.now = NOON + DAY
      await suite.ledger.adjust({ accountId, usageId: 'u', charge: credits(2) })
      const shortfallIn = async (from: number, to: number) =>
        (await suite.ledger.breakdowns({ accountId, from, to })).services.map(({ shortfall }) => whole(shortfall))
      expect(await shortfallIn(NOON, NOON + HOUR)).toEqual([5])
      expect(await shortfallIn(NOON + DAY, NOON + DAY + HOUR)).toEqual([-3])
      expect(await shortfallIn(NOON, NOON + DAY + HOUR)).toEqual([2])
    })

    it('a series of a part of the usage is of that part alone, from hour to hour, and never of another account', async () => {
      const [accountId, stranger] = [await suite.account(1_000), await suite.account(1_000)]
      await use(accountId, NOON, 64)
      await use(accountId, NOON + 2 * HOUR, 1, { userId: 'ada' })
      await use(accountId, NOON + 3 * HOUR, 2, { userId: 'bob' })
      await use(accountId, NOON + 4 * HOUR, 4, { service: 'phone', provider: 'twilio', userId: 'ada' })
      await use(accountId, NOON + 5 * HOUR, 128)
      await use(stranger, NOON + 2 * HOUR, 32, { userId: 'ada' })
      suite.now = NOON + DAY
      const today = { accountId, granularity: 'day', from: NOON + HOUR, to: NOON + 4 * HOUR + MINUTE } as const
      expect(await seriesOf(today)).toEqual(['2026-07-15T00 null 7 3'])
      expect(await seriesOf({ ...today, userId: 'ada' })).toEqual(['2026-07-15T00 null 5 2'])
      expect(await seriesOf({ ...today, service: 'phone' })).toEqual(['2026-07-15T00 null 4 1'])
      expect(await seriesOf({ ...today, provider: 'gpt-4o-mini', groupBy: 'user' })).toEqual([
        '2026-07-15T00 ada 1 1',
        '2026-07-15T00 bob 2 1',
      ])
      expect(await seriesOf({ ...today, workflowName: 'none' })).toEqual([])
      expect(await suite.ledger.usageSeries({ accountId, granularity: 'month' })).toMatchObject({
        from: Date.UTC(2025, 7, 1),
        to: NOON + DAY,
        entries: [{ charged: credits(199) }],
      })
    })

    it('a series by key names every key of the account by its prefix, page by page, and none of another account', async () => {
      const [accountId, stranger] = [await suite.account(1_000), await suite.account(0)]
      const create = async (owner: string, apiKeyId: string) => {
        const key = await suite.ledger.createApiKey({ accountId: owner, apiKeyId, minimumBalance: credits(0) })
        return key.status === 'created' ? key.prefix : expect.unreachable()
      }
      const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
      const prefixes = []
      for (const id of ids) prefixes.push(await create(accountId, id))
      for (const id of [...ids, 'of the host']) await create(stranger, id)
      for (const apiKeyId of [...ids, 'of the host']) await use(accountId, NOON, 2, { apiKeyId })
      const today = { accountId, granularity: 'day', groupBy: 'api_key', from: NOON, to: NOON + HOUR } as const
      for (const limit of [1, 3, 1_000]) {
        const lines = await seriesOf({ ...today, limit })
        expect(lines.toSorted()).toEqual([...prefixes, 'of the host'].map((name) => `2026-07-15T00 ${name} 2 1`).toSorted())
      }
    })

    it('a series up to the end of a bucket begins as many buckets before as usual, and has what was free', async () => {
      const accountId = await suite.account(1_000)
      const midnight = Date.UTC(2026, 6, 20)
      const [first, before] = [midnight - 2 * DAY, midnight - 2 * DAY - 1]
      const free = { usage: { ...usage(0), quantity: microUnits(5_000_000n) } }
      for (const at of [before, first, midnight - 1, midnight]) await use(accountId, at, 2, at === first ? free : {})
      expect(await suite.ledger.usageSeries({ accountId, granularity: 'hour', to: midnight })).toMatchObject({
        from: first,
        to: midnight,
        entries: [
          { startsAt: first, charged: 0n, records: 1 },
          { startsAt: midnight - HOUR, charged: credits(2), records: 1 },
        ],
      })
      expect((await suite.ledger.breakdowns({ accountId, from: first, to: first + HOUR })).services).toMatchObject([
        { service: 'gpt', records: 1, charged: 0n },
      ])
    })

    it('a series that would be too long, or of no time, is refused by the name of the field', async () => {
      const accountId = await suite.account(0)
      const ask = (input: Partial<UsageSeriesInput>) => () =>
        suite.ledger.usageSeries({ accountId, granularity: 'hour', ...input })
      await expectInvalid('from', ask({ from: NOON, to: NOON }))
      await expectInvalid('from', ask({ from: NOON - 1_001 * HOUR, to: NOON }))
      await expectInvalid('from', ask({ from: -1 }))
      await expectInvalid('to', ask({ to: Number.MAX_SAFE_INTEGER }))
      await expectInvalid('limit', ask({ limit: 0 }))
      await expectInvalid('granularity', ask({ granularity: 'year' as never }))
      await expectInvalid('groupBy', ask({ groupBy: 'lots' as never }))
      expect(await ask({ from: 0, to: NOON, granularity: 'month' })()).toMatchObject({ entries: [] })
    })

    it('a breakdown or a list of workflows from or to what is no time is refused by the name of the field', async () => {
      const accountId = await suite.account(1)
      for (const time of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, '5' as never]) {
        for (const field of ['from', 'to'] as const) {
          await expectInvalid(field, () => suite.ledger.breakdowns({ accountId, [field]: time }))
          await expectInvalid(field, () => suite.ledger.workflows({ accountId, [field]: time }))
        }
      }
    })

    it('a breakdown of one service tells of the workflows that used it, and of what they used of it', async () => {
      const accountId = await suite.account(1_000)
      for (const name of ['call', 'chat']) await suite.ledger.openWorkflow({ accountId, workflowId: name, name })
      await use(accountId, NOON, 1, { workflowId: 'chat' })
      await use(accountId, NOON, 2, { workflowId: 'call' })
      await use(accountId, NOON, 4, { workflowId: 'call', service: 'phone', provider: 'twilio' })
      await use(accountId, NOON, 8, { service: 'phone', provider: 'twilio' })
      expect(await suite.ledger.breakdowns({ accountId, service: 'phone' })).toMatchObject({
        services: [{ service: 'phone', provider: 'twilio', charged: credits(12), records: 2 }],
        workflows: [{ name: 'call', count: 1, charged: credits(4) }],
      })
      expect((await suite.ledger.breakdowns({ accountId, provider: 'gpt-4o-mini' })).workflows).toMatchObject([
        { name: 'call', charged: credits(2) },
        { name: 'chat', charged: credits(1) },
      ])
      expect(await suite.ledger.breakdowns({ accountId, service: 'vision' })).toEqual({ services: [], workflows: [] })
    })

    it('a breakdown of one service tells of a workflow that used it, also where a refund of another service evens that out', async () => {
      const accountId = await suite.account(1_000)
      await suite.ledger.openWorkflow({ accountId, workflowId: 'call', name: 'call' })
      await use(accountId, NOON, 5, { workflowId: 'call', usageId: 'phoned', service: 'phone', provider: 'twilio' })
      await use(accountId, NOON + DAY, 5, { workflowId: 'call' })
      await use(accountId, NOON + DAY, 3)
      await suite.ledger.refund({ accountId, usageId: 'phoned' })
      const next = { accountId, from: NOON + DAY }
      expect((await suite.ledger.breakdowns({ ...next, service: 'gpt' })).workflows).toEqual([
        { name: 'call', count: 0, closed: 0, charged: credits(5), averageDurationMs: 0 },
      ])
      expect((await suite.ledger.breakdowns({ ...next, service: 'phone' })).workflows).toMatchObject([{ charged: -credits(5) }])
    })

    it('workflows are listed newest first, in pages that those opened meanwhile do not move', async () => {
      const [accountId, stranger] = [await suite.account(1_000), await suite.account(0)]
      const key = await suite.ledger.createApiKey({ accountId, minimumBalance: credits(0) })
      if (key.status !== 'created') throw new Error(key.reason)
      const open = (workflowId: string, more: object = {}, owner = accountId) =>
        suite.ledger.openWorkflow({ accountId: owner, workflowId, name: 'call', ...more })
      // Two opened at the same time, whose ids do not tell their order.
      await open('z', { apiKeyId: key.apiKeyId })
      await open('a', { userId: 'ada', name: 'chat' })
      suite.now = NOON + MINUTE
      await open('m')
      await open('elsewhere', {}, stranger)
      await use(accountId, NOON + MINUTE, 5, { workflowId: 'z' })
      const holdId = await suite.hold(accountId, 7, { workflowId: 'm' })
      await suite.ledger.closeWorkflow({ accountId, workflowId: 'z' })

      const first = await suite.ledger.workflows({ accountId }, { limit: 2 })
      expect(first).toMatchObject({
        workflows: [
          { workflowId: 'm', state: 'open', held: credits(7), createdAt: NOON + MINUTE, closedAt: null, apiKeyPrefix: null },
          { workflowId: 'z', state: 'closed', spent: credits(5), closedAt: NOON + MINUTE, apiKeyPrefix: key.prefix },
        ],
        next: { createdAt: NOON, workflowId: 'z' },
      })
      suite.now = NOON + 2 * MINUTE
      await open('later')
      const rest = await suite.ledger.workflows({ accountId }, { limit: 2, before: first.next })
      expect(rest.workflows).toMatchObject([{ workflowId: 'a', userId: 'ada', name: 'chat' }])
      expect(rest.next).toBeUndefined()

      const ids = async (filter: object) =>
        (await suite.ledger.workflows({ accountId, ...filter })).workflows.map(({ workflowId }) => workflowId)
      expect(await ids({})).toEqual(['later', 'm', 'z', 'a'])
      expect(await ids({ name: 'chat' })).toEqual(['a'])
      expect(await ids({ state: 'closed' })).toEqual(['z'])
      expect(await ids({ userId: 'ada' })).toEqual(['a'])
      expect(await ids({ apiKeyId: key.apiKeyId })).toEqual(['z'])
      expect(await ids({ from: NOON + 1, to: NOON + 2 * MINUTE })).toEqual(['m'])
      expect(await ids({ from: NOON, to: NOON + MINUTE })).toEqual(['z', 'a'])
      await expectInvalid('limit', () => suite.ledger.workflows({ accountId }, { limit: 1_001 }))
      await suite.ledger.releaseHold({ accountId, holdId })
    })

    it('one workflow among very many that are not wanted is found, over pages that look at a few thousand each', async () => {
      const accountId = await suite.account(0)
      for (const workflowId of ['first', 'last']) {
        suite.now = workflowId === 'first' ? NOON : NOON + DAY
        await suite.ledger.openWorkflow({ accountId, workflowId, name: workflowId })
      }
      const digits =
        '(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7)'
      suite.expectBroken(accountId)
      await suite.sql(
        `INSERT INTO farebox_workflows (account_id, workflow_id, root_id, name, state, spent, held, lines, created_at)
         SELECT '${accountId}', 'w' || (a.d + 8 * b.d + 64 * c.d + 512 * e.d + 4096 * f.d), 'w', 'other', 'closed', 0, 0, '[]', ${NOON} + 1 + a.d + 8 * b.d
         FROM ${digits} AS a, ${digits} AS b, ${digits} AS c, ${digits} AS e, (SELECT 0 AS d UNION ALL SELECT 1) AS f`,
      )
      const find = async (filter: object, limit = 1_000) => {
        const found: string[] = []
        let pages = 0
        let before: WorkflowCursor | undefined
        do {
          const page = await suite.ledger.workflows({ accountId, ...filter }, { before, limit })
          found.push(...page.workflows.map(({ workflowId }) => workflowId))
          before = page.next
          pages += 1
        } while (before)
        return { found, pages }
      }
      expect(await find({ name: 'first' })).toEqual({ found: ['first'], pages: 2 })
      // Where one page stops looking, the next one goes on.
      const middle = (await find({})).found.slice(4_997, 5_003)
      const listed = middle.map((id) => `'${id}'`).join()
      await suite.sql(
        `UPDATE farebox_workflows SET name = 'middle' WHERE account_id = '${accountId}' AND workflow_id IN (${listed})`,
      )
      expect(await find({ name: 'middle' })).toEqual({ found: middle, pages: 2 })
      expect((await suite.ledger.workflows({ accountId, name: 'last' })).workflows).toMatchObject([{ workflowId: 'last' }])
    })

    it('however much is used it is counted and told: sums of an hour, of a day and of a month are more than 64 bits', async () => {
      const accountId = await suite.account(0)
      const largest = { quantity: microUnits(QUANTITY_MAX), cost: nanoUsd(10n ** 18n), unit: 'bytes' } as const
      const days = [NOON, NOON + HOUR, NOON + DAY, NOON + 2 * DAY]
      for (const at of days) {
        suite.now = at
        await Promise.all(
          Array.from({ length: 13 }, () =>
            suite.ledger.charge({ accountId, ...work, overage: 'cap', usage: usage(1_000_000_000, largest) }),
          ),
        )
        await suite.ledger.charge({
          accountId,
          ...work,
          overage: 'cap',
          usage: usage(1, { ...largest, quantity: microUnits(7n) }),
        })
      }
      suite.now = NOON + 3 * DAY
      const total = { records: 56, quantity: 52n * QUANTITY_MAX + 28n, shortfall: credits(52_000_000_004) }
      expect((await suite.ledger.breakdowns({ accountId })).services).toMatchObject([total])
      // Whole days, less the hours outside the range.
      const { services } = await suite.ledger.breakdowns({ accountId, from: NOON + HOUR, to: NOON + 2 * DAY + HOUR })
      expect(services).toMatchObject([{ records: 42, quantity: 39n * QUANTITY_MAX + 21n }])
      expect(await seriesOf({ accountId, granularity: 'month', from: Date.UTC(2026, 6, 1) })).toEqual(['2026-07-01T00 null 0 56'])
      // A correction works on sums that have outgrown their column like on any other.
      suite.now = NOON + 2 * DAY
      await suite.ledger.charge({ accountId, usageId: 'u', ...work, overage: 'cap', usage: usage(1, largest) })
      const lowered = await suite.ledger.adjust({ accountId, usageId: 'u', cost: nanoUsd(1n) })
      expect(lowered).toMatchObject({ status: 'corrected' })
    })

    it('amounts charged and missed over many days are added up beyond 64 bits too', async () => {
      const accountId = await suite.account(0)
      suite.expectBroken(accountId)
      await suite.sql(
        `INSERT INTO farebox_usage_rollups (account_id, period, starts_at, service, provider, unit, workflow_name, api_key_id, user_id, records, quantity, charged, shortfall, cost)
         SELECT '${accountId}', 'day', days.at, 'gpt', 'x', 'tokens', '', '', '', 1, 9000000000000000000, 9000000000000000000, 9000000000000000000, 0
         FROM (SELECT ${Date.UTC(2026, 5, 1)} AS at UNION ALL SELECT ${Date.UTC(2026, 5, 2)} UNION ALL SELECT ${Date.UTC(2026, 5, 3)}) AS days`,
      )
      const sum = 27_000_000_000_000_000_000n
      const { services } = await suite.ledger.breakdowns({ accountId })
      expect(services).toMatchObject([{ quantity: sum, charged: sum, shortfall: sum, records: 3 }])
      const series = await suite.ledger.usageSeries({
        accountId,
        granularity: 'month',
        from: Date.UTC(2026, 5, 1),
        to: Date.UTC(2026, 6, 1),
      })
      expect(series.entries).toMatchObject([{ charged: sum, records: 3 }])
    })

    it('a budget says what its window of now has used, also before anything is used in it', async () => {
      const accountId = await suite.account(1_000)
      await suite.ledger.setBudget({ accountId, period: 'day', limit: credits(10) })
      await use(accountId, NOON, 3)
      const midnight = Date.UTC(2026, 6, 16)
      expect(await suite.ledger.currentBudgets(accountId)).toMatchObject([{ used: credits(3), windowEnd: midnight }])
      suite.now = midnight
      expect(await suite.ledger.currentBudgets(accountId)).toMatchObject([
        { used: 0n, windowStart: midnight, windowEnd: midnight + DAY },
      ])
      expect(await suite.ledger.currentBudgets(await suite.account(0))).toEqual([])
      await use(accountId, midnight, 1, { usage: usage(1, { quantity: microUnits(1n) }) })
    })
  })
}
