import type { Budgets as BudgetsAnswer, OwnKeys } from '@farebox/client'
import { getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { charged, credits, day, exactly, instant, named, percent, plural, serviceName, since } from '../format.ts'
import { AnswerView } from '../parts/answer-view.tsx'
import { Badge, type Tone } from '../parts/badge.tsx'
import { Card } from '../parts/card.tsx'
import { CopyButton } from '../parts/copy-button.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { TableScroll } from '../parts/table-scroll.tsx'
import { useFirst } from '../parts/use-first.tsx'
import { useNow } from '../parts/use-now.ts'
import { linkTo } from '../state/account-link.ts'
import { Budgets, shareUsed } from './budgets.tsx'
import { keyNamesOf } from './key-names.ts'
import { readKeySpend } from './key-spend.ts'

type Key = OwnKeys['keys'][number]

/** The account's keys with what each may use, and its budgets. */
export function Keys() {
  const now = useNow(30_000)
  const budgets = useAnswer('budgets', (signal) => getJson<BudgetsAnswer>('/budgets', {}, signal), {
    everyMs: 15_000,
  })
  const keys = useAnswer('keys', (signal) => getJson<OwnKeys>('/keys', {}, signal), { everyMs: 30_000 })
  const spend = useAnswer('key spend', readKeySpend, { everyMs: 30_000 })
  const keyNames = keyNamesOf(keys.data?.keys ?? [])
  return (
    <>
      <PageHead title="Keys & limits" lead="Who may spend, on what, and how much." />
      <Card title="Budgets" note="Credits charged or held in the current period, against the limit">
        <AnswerView
          of={budgets}
          empty={{
            title: 'No budgets',
            hint: 'Every key can spend all credits of the account. An admin sets a budget with POST /api/v1/admin/budgets.',
            when: (data) => data.budgets.length === 0,
          }}
        >
          {(data) => <Budgets budgets={data.budgets} keyNames={keyNames} now={now} />}
        </AnswerView>
      </Card>
      <Card
        title="API keys"
        note="The key that spent most in the last 30 days first. Each is shown by its prefix: the key itself is not stored."
      >
        <AnswerView
          of={keys}
          empty={{
            title: 'No keys',
            hint: 'An admin creates one with POST /api/v1/admin/keys.',
            when: (data) => data.keys.length === 0,
          }}
        >
          {(data) => <KeyRows keys={data.keys} spend={spend.data} now={now} />}
        </AnswerView>
      </Card>
    </>
  )
}

function KeyRows({ keys, spend, now }: { keys: readonly Key[]; spend: ReadonlyMap<string, number> | undefined; now: number }) {
  const sorted = [...keys].sort((one, other) => spentBy(other, spend) - spentBy(one, spend))
  const { first, more } = useFirst(sorted, 'keys')
  return (
    <>
      <TableScroll label="API keys">
        <table>
          <thead>
            <tr>
              <th scope="col">Key</th>
              <th scope="col">State</th>
              <th scope="col" class="wide-only right">
                Spent
              </th>
              <th scope="col">Services</th>
              <th scope="col" class="wide-only">
                User
              </th>
              <th scope="col" class="wide-only">
                Budgets
              </th>
              <th scope="col" class="wide-only">
                Last used
              </th>
            </tr>
          </thead>
          <tbody>
            {first.map((key) => (
              <tr key={key.prefix}>
                <th scope="row" class="twofold">
                  <span>
                    <a class="link" href={linkTo('activity', { key: key.prefix })}>
                      {named(key.name)}
                    </a>
                  </span>
                  <span class="mono number">
                    {key.prefix} <CopyButton text={key.prefix} what={`the prefix ${key.prefix}`} />
                  </span>
                  {spend && <span class="narrow-only">{credits(charged(spentBy(key, spend)))} spent</span>}
                </th>
                <td>
                  <KeyState of={key} now={now} />
                </td>
                <td class="wide-only right number">{spend ? credits(charged(spentBy(key, spend))) : '–'}</td>
                <td>
                  <KeyServices of={key} />
                </td>
                <td class="wide-only free faint">{key.user_id ?? '–'}</td>
                <td class="wide-only faint small">
                  <KeyBudgets of={key} />
                </td>
                <td class="wide-only faint number" title={key.last_used_at ? instant(key.last_used_at) : undefined}>
                  {key.last_used_at ? since(key.last_used_at, now) : 'never'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
      {more}
    </>
  )
}

function spentBy({ prefix }: Key, spend: ReadonlyMap<string, number> | undefined): number {
  return spend?.get(prefix) ?? 0
}

function KeyBudgets({ of: { budgets } }: { of: Key }) {
  if (budgets.length === 0) return <>none</>
  return (
    <ul>
      {budgets.map(({ budget_id, service_type, period, limit_exact, used_exact }) => (
        <li key={budget_id}>
          {exactly(limit_exact)} {period === 'total' ? 'in total' : `per ${period}`}
          {service_type && ` on ${serviceName(service_type)}`}, {percent(shareUsed(limit_exact, used_exact))} used
        </li>
      ))}
    </ul>
  )
}

function KeyState({ of: { revoked_at, expires_at }, now }: { of: Key; now: number }) {
  const [text, tone, note]: [string, Tone, string] = revoked_at
    ? ['Revoked', 'bad', day(revoked_at)]
    : expires_at && new Date(expires_at).getTime() <= now
      ? ['Expired', 'bad', day(expires_at)]
      : ['Active', 'good', expires_at ? `until ${day(expires_at)}` : '']
  return (
    <>
      <Badge tone={tone}>{text}</Badge> <span class="faint small">{note}</span>
    </>
  )
}

function KeyServices({ of: { services } }: { of: Key }) {
  if (services.length === 0) return <span class="faint">every service</span>
  return (
    <ul>
      {services.map(({ id, service_type, provider, enabled, cost_limit_per_request_exact: limit }) => (
        <li key={id}>
          {enabled ? serviceName(service_type) : <s>{serviceName(service_type)}</s>}
          <span class="faint small">
            {provider && ` by ${provider}`}
            {!enabled && ' off'}
            {limit !== null && `, at most ${exactly(limit)} ${plural(Number(limit), 'credit')} a request`}
          </span>
        </li>
      ))}
    </ul>
  )
}
