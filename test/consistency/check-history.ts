import { credits } from '@farebox/core'
import type { JournalEntry, LedgerEvent, UsageRow } from '@farebox/ledger'
import { exportPurchases, exportUsage } from '@farebox/ledger/export'
import { parse } from 'csv-parse/sync'
import type { Farebox } from 'farebox'
import type { Account } from './account.ts'

/** Exports have each record and each grant, once. */
export async function checkExports(
  box: Farebox,
  account: Account,
  rows: readonly UsageRow[],
  balance: { balance: bigint; debt: bigint },
): Promise<string[]> {
  const { accountId } = account
  const faults: string[] = []
  for (const format of ['jsonl', 'csv', 'cloudevents'] as const) {
    const text = await textOf(exportUsage(box.ledger, { format, accountId }))
    const exported = (
      format === 'csv'
        ? parse(text, { columns: true })
        : text
            .split('\n')
            .filter(Boolean)
            .map((line) => (format === 'jsonl' ? JSON.parse(line) : JSON.parse(line).data))
    ) as Record<string, string>[]
    const byId = new Map(exported.map((record) => [record.usage_id, record]))
    if (exported.length !== rows.length || byId.size !== rows.length)
      faults.push(`the export as ${format} has ${exported.length} records, ${byId.size} of them different, of ${rows.length}`)
    for (const { usageId, charged, shortfall, apiKeyId, corrects } of rows) {
      const record = byId.get(usageId)
      const said = record && [
        signed(record.credits_charged ?? ''),
        signed(record.credits_shortfall ?? ''),
        record.api_key_id || null,
        record.corrects || null,
      ]
      if (String(said) !== String([charged, shortfall, apiKeyId, corrects]))
        faults.push(`the export as ${format} has ${said} of ${usageId}`)
    }
  }
  const purchases = (await textOf(exportPurchases(box.ledger, { format: 'jsonl', accountId }))).split('\n').filter(Boolean)
  const grants = new Map(
    purchases.map((line) => JSON.parse(line) as Record<string, string>).map((grant) => [grant.grant_id, grant]),
  )
  let left = -balance.debt
  for (const grant of grants.values()) if (grant.state !== 'pending') left += credits(grant.credits_remaining ?? '')
  if (left !== balance.balance) faults.push(`the balance is ${balance.balance}, of grants are left ${left}`)
  for (const [grantId, { amount }] of account.grants)
    if (credits(grants.get(grantId)?.credits ?? '0') !== amount)
      faults.push(`grant ${grantId} of ${amount} is exported as ${grants.get(grantId)?.credits}`)
  for (const [grantId, grant] of grants) {
    const [, rolled = '', from = ''] = /^((?:rollover:)+)(.+)$/.exec(grantId ?? '') ?? []
    const { max, times = 1 } = account.grants.get(from)?.rollover ?? {}
    if (rolled !== '' && max !== undefined && credits(grant.credits ?? '') > max)
      faults.push(`${grantId} carries ${grant.credits} over, of at most ${max}`)
    if (rolled.length > times * 'rollover:'.length && account.grants.has(from))
      faults.push(`${grantId} was carried over more than ${times} times`)
  }
  return faults
}

/** Credits pay for the services and in the time that they were granted for, and no more than there were. */
export async function checkGrants(box: Farebox, account: Account, rows: readonly UsageRow[]): Promise<string[]> {
  const faults: string[] = []
  const spent = new Map<string, bigint>()
  const workflows = new Map<string, { reserve: bigint | null; createdAt: number; parentId: string | null }>()
  for (const { workflowId } of rows)
    for (let id = workflowId; id !== null && !workflows.has(id); id = workflows.get(id)?.parentId ?? null)
      workflows.set(id, await box.ledger.workflow(account.accountId, id))
  for (const { usageId, service, createdAt, corrects, holdId, workflowId, lots } of rows) {
    let since = holdId === null ? createdAt : (await box.ledger.hold(account.accountId, holdId)).createdAt
    for (let next = workflows.get(workflowId ?? ''); next; next = workflows.get(next.parentId ?? ''))
      if (next.reserve !== null) since = Math.min(since, next.createdAt)
    for (const { grantId, amount } of lots) {
      spent.set(grantId, (spent.get(grantId) ?? 0n) + amount)
      const grant = account.grants.get(grantId)
      if (!grant || corrects !== null) continue
      if (grant.services && !grant.services.includes(service))
        faults.push(`${usageId} of ${service} was paid by ${grantId}, which is for ${grant.services}`)
      if ((grant.effectiveAt ?? 0) > createdAt)
        faults.push(`${usageId} was paid at ${createdAt} by ${grantId}, which began at ${grant.effectiveAt}`)
      if ((grant.expiresAt ?? createdAt + 1) <= since)
        faults.push(`${usageId} was begun at ${since} and paid by ${grantId}, which expired at ${grant.expiresAt}`)
    }
  }
  for (const [grantId, amount] of spent) {
    const grant = account.grants.get(grantId)
    if (grant && amount > grant.amount) faults.push(`${grantId} of ${grant.amount} has paid ${amount}`)
  }
  return faults
}

/** Events tell what the journal does: each hold that expired, each workflow that closed, and each fall below an alert's threshold. */
export async function checkEvents(box: Farebox, { accountId }: Account, entries: readonly JournalEntry[]): Promise<string[]> {
  const faults: string[] = []
  const events = await box.ledger.events({ accountId }, { limit: 100_000 })
  const told = <Type extends LedgerEvent['type']>(type: Type) =>
    events.filter((event): event is Extract<LedgerEvent, { type: Type }> => event.type === type)
  const same = (what: string, said: Iterable<string>, due: Iterable<string>) => {
    const [events, journal] = [[...said].sort().join(' '), [...due].sort().join(' ')]
    if (events !== journal) faults.push(`events tell of ${what} ${events}, the journal of ${journal}`)
  }
  const outcomes = (verb: string) =>
    entries.filter((entry) => entry.verb === verb).map(({ outcome }) => outcome as Record<string, string>)
  same(
    'expired holds',
    told('hold_expired').map(({ data }) => `${data.holdId}:${data.amount}`),
    outcomes('expireHold').map(({ holdId, amount }) => `${holdId}:${amount}`),
  )
  const { workflows } = await box.ledger.workflows({ accountId, state: 'closed' }, { limit: 1_000 })
  same(
    'closed workflows',
    told('workflow_closed').map(({ data }) => data.workflowId),
    workflows.map(({ workflowId }) => workflowId),
  )
  const falls = fallsIn(entries)
  const said = told('balance_low').length
  if (said !== falls) faults.push(`events tell of ${said} falls of the balance, the journal of ${falls}`)
  const crossed = new Map<string, number>()
  const tellings = new Map<string, number>()
  const settings = outcomes('setBudget').map(({ budgetId }) => budgetId)
  for (const { data } of told('limit_crossed')) {
    if (data.used * 100n < BigInt(data.percent) * data.limit)
      faults.push(`${data.budgetId} crossed ${data.percent} % of ${data.limit} at ${data.used}`)
    const telling = `${data.budgetId} crossed ${data.percent} % until ${data.resetsAt}`
    const times = (tellings.get(telling) ?? 0) + 1
    tellings.set(telling, times)
    if (times > settings.filter((budgetId) => budgetId === data.budgetId).length) faults.push(`${telling}, ${times} times`)
    crossed.set(data.budgetId, Math.max(crossed.get(data.budgetId) ?? 0, data.resetsAt ?? 0))
  }
  for (const { budgetId, used, limit, windowEnd, alertsAtPercent } of await box.ledger.currentBudgets(accountId)) {
    const isOver = used > 0n && alertsAtPercent.some((percent) => used * 100n >= BigInt(percent) * limit)
    if (isOver && (crossed.get(budgetId) ?? -1) < (windowEnd ?? 0))
      faults.push(`no event tells that ${budgetId} has used ${used} of ${limit}`)
  }
  return faults
}

const BY_ITSELF = ['expireHold', 'beginGrant', 'expireGrant']

/** How often the balance fell below an alert's threshold. What becomes due at once counts as one change. */
function fallsIn(entries: readonly JournalEntry[]): number {
  let [threshold, balance, before, falls] = [undefined as bigint | undefined, 0n, 0n, 0]
  for (const [index, { verb, content, postings, at }] of entries.entries()) {
    for (const [bucket, amount] of postings) if (bucket === 'available' || bucket === 'held') balance += amount
    const next = entries[index + 1]
    if (BY_ITSELF.includes(verb) && next && BY_ITSELF.includes(next.verb) && next.at === at) continue
    if (verb === 'setAlerts') {
      const set = content.balanceLow === undefined ? undefined : BigInt(content.balanceLow)
      if (set !== threshold && set !== undefined && balance < set) falls += 1
      threshold = set
    } else if (threshold !== undefined && before >= threshold && balance < threshold) falls += 1
    before = balance
  }
  return falls
}

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const piece of pieces) text += piece
  return text
}

export function signed(amount: string): bigint {
  return amount.startsWith('-') ? -credits(amount.slice(1)) : credits(amount)
}
