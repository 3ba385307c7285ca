import type { StatementEntry, StatementPage } from '@farebox/client'
import { useRef } from 'preact/hooks'
import { type AskError, getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { exactly, instant, serviceName } from '../format.ts'
import { AnswerView } from '../parts/answer-view.tsx'
import { Older } from '../parts/older.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { TableScroll } from '../parts/table-scroll.tsx'

const PAGE = 50
/** The most entries that the API returns at once. */
const LIMIT_MAX = 1_000
const EVERY_MS = 15_000

/** The journal of the account. */
export function Statement() {
  // Each poll reloads all entries shown, so that none is left out between the newest and the older ones.
  const count = useRef(PAGE)
  const answered = useAnswer('statement', (signal) => readEntries(count.current, signal), { everyMs: EVERY_MS })
  const more = () => {
    count.current += PAGE
    return answered.askAgain()
  }
  return (
    <>
      <PageHead
        title="Statement"
        lead="Every movement of credits, newest first. Entries are never changed: each contains the hash of the one before."
      />
      <section class="card" aria-label="Entries">
        <AnswerView
          of={answered}
          ghosts={10}
          empty={{
            title: 'No entries',
            hint: 'The first grant begins the statement.',
            when: ({ entries }) => entries.length === 0,
          }}
        >
          {(page) => <Entries page={page} more={more} />}
        </AnswerView>
      </section>
    </>
  )
}

/** Reads the newest `count` entries, and the cursor of those that follow. */
async function readEntries(count: number, signal: AbortSignal): Promise<StatementPage> {
  const entries: StatementEntry[] = []
  let cursor: string | undefined
  do {
    const limit = Math.min(LIMIT_MAX, count - entries.length)
    const page = await getJson<StatementPage>('/credits/statement', { limit, cursor }, signal)
    entries.push(...page.entries)
    cursor = page.next
  } while (cursor !== undefined && entries.length < count)
  return { entries, ...(cursor !== undefined && { next: cursor }) }
}

function Entries({ page, more }: { page: StatementPage; more(): Promise<AskError | undefined> }) {
  return (
    <>
      <TableScroll label="Entries">
        <table>
          <thead>
            <tr>
              <th scope="col">Entry</th>
              <th scope="col" class="wide-only">
                When
              </th>
              <th scope="col" class="wide-only">
                Buckets
              </th>
              <th scope="col" class="right twofold">
                <span>Change</span>
                <span class="narrow-only">Balance</span>
              </th>
              <th scope="col" class="wide-only right">
                Balance
              </th>
              <th scope="col" class="wide-only">
                Hash
              </th>
            </tr>
          </thead>
          <tbody>
            {page.entries.map((entry) => (
              <EntryRow key={entry.sequence} entry={entry} />
            ))}
          </tbody>
        </table>
      </TableScroll>
      {page.next && <Older label="Older entries" read={more} />}
    </>
  )
}

function EntryRow({ entry: { sequence, at, type, change, balance, postings, hash } }: { entry: StatementEntry }) {
  const isNothing = Number(change) === 0
  const isOut = change.startsWith('-')
  return (
    <tr>
      <th scope="row" class="twofold entry">
        <span>{inWords(type)}</span>
        <span>
          <span class="number">#{sequence}</span> <span class="narrow-only">{instant(at)}</span>
        </span>
      </th>
      <td class="wide-only faint number">{instant(at)}</td>
      <td class="wide-only faint small">
        {Object.entries(postings)
          .map(([bucket, amount]) => `${inWords(bucket)} ${signed(amount)}`)
          .join(', ')}
      </td>
      <td class="right number twofold">
        <span class={isNothing ? 'faint' : isOut ? '' : 'good-text'}>{isNothing ? '0' : signed(change)}</span>
        <span class="narrow-only">{exactly(balance)}</span>
      </td>
      <td class="wide-only right number">{exactly(balance)}</td>
      <td class="wide-only mono faint" title={hash}>
        {hash.slice(0, 8)}
      </td>
    </tr>
  )
}

/** The display name of an entry type or a bucket: `settleHold` is `Settle hold`, and `spent:gpt` is `Spent on Chat`. */
function inWords(name: string): string {
  const [what = '', service] = name.split(':')
  const words = what
    .replaceAll('_', ' ')
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/\bapi\b/, 'API')
  const sentence = words.charAt(0).toUpperCase() + words.slice(1)
  return service === undefined ? sentence : `${sentence} on ${serviceName(service)}`
}

/** Formats an amount with its sign. */
function signed(amount: string): string {
  return amount.startsWith('-') ? exactly(amount) : `+${exactly(amount)}`
}
