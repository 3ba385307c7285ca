import type { AdapterStatus, OfferStatus, ProviderStatus } from '@farebox/client'
import { useState } from 'preact/hooks'
import { getJson } from '../api/get-json.ts'
import { useAnswer } from '../api/use-answer.ts'
import { duration, exactly, percent, serviceName } from '../format.ts'
import { AnswerView, Outdated, Readable } from '../parts/answer-view.tsx'
import { Badge } from '../parts/badge.tsx'
import { Card } from '../parts/card.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { TableScroll } from '../parts/table-scroll.tsx'
import { Updated } from '../parts/updated.tsx'
import { conditionInWords } from './condition-in-words.ts'

const EVERY_MS = 5_000

const NOT_ASKED = ['Not called yet', ''] as const
const ERRING = ['Errors', 'warn'] as const
/** From this share of errors on, the error rate is coloured. */
const MANY_ERRORS = 0.05

/** The health of the providers, as routing knows it. */
export function Providers() {
  const [isLive, setLive] = useState(true)
  const answered = useAnswer('status', (signal) => getJson<ProviderStatus>('/status', {}, signal), {
    everyMs: isLive ? EVERY_MS : undefined,
  })
  return (
    <>
      <PageHead title="Providers" lead="How each provider has answered in the last minutes.">
        <Updated of={answered} isLive={isLive} onToggle={() => setLive(!isLive)} />
      </PageHead>
      {answered.data === undefined ? (
        <div class="card">
          <AnswerView of={answered} ghosts={8}>
            {() => null}
          </AnswerView>
        </div>
      ) : (
        <>
          {answered.error && <Outdated error={answered.error} />}
          <Readable isCard data={answered.data} again={answered.askAgain}>
            <Adapters adapters={answered.data.adapters} />
          </Readable>
        </>
      )}
    </>
  )
}

/** Whether many of the recent calls failed. Routing may still ask it, with the condition `ok`. */
function isErring({ error_rate, samples }: OfferStatus): boolean {
  return samples !== undefined && error_rate !== undefined && error_rate >= MANY_ERRORS
}

const isUnhealthy = (offer: OfferStatus): boolean => offer.condition !== 'ok' || isErring(offer)

/** Those with trouble first, then those that were called, then the others; otherwise as the API lists them. */
function byTrouble(one: OfferStatus, other: OfferStatus): number {
  const rank = (offer: OfferStatus) => (isUnhealthy(offer) ? 0 : offer.samples === undefined ? 2 : 1)
  return rank(one) - rank(other)
}

function worstFirst(one: AdapterStatus, other: AdapterStatus): number {
  const ill = ({ availability, offers }: AdapterStatus) => Number(availability === 'ready' && offers.some(isUnhealthy))
  return readyFirst(one, other) || ill(other) - ill(one)
}

function readyFirst(one: AdapterStatus, other: AdapterStatus): number {
  return Number(one.availability === 'disabled') - Number(other.availability === 'disabled')
}

function Adapters({ adapters }: { adapters: readonly AdapterStatus[] }) {
  return (
    <>
      {[...adapters].sort(worstFirst).map((adapter) => (
        <Adapter key={adapter.adapter} adapter={adapter} />
      ))}
    </>
  )
}

function Adapter({ adapter: { adapter, simulated, availability, reason, concurrency, offers } }: { adapter: AdapterStatus }) {
  const isReady = availability === 'ready'
  const ill = offers.filter(isUnhealthy).length
  const tools = (
    <span class="controls">
      {simulated && <Badge tone="plain">simulated</Badge>}
      <Badge tone={!isReady ? '' : ill > 0 ? 'warn' : 'good'}>
        {!isReady ? 'Off' : ill > 0 ? `${ill} of ${offers.length} unhealthy` : 'Ready'}
      </Badge>
    </span>
  )
  const note = isReady
    ? concurrency && `${concurrency.running} of ${concurrency.limit} calls running, ${concurrency.waiting} waiting`
    : reason
  return (
    <Card title={adapter} note={note} tools={tools}>
      {isReady && offers.length > 0 ? (
        <TableScroll label={`Offers of ${adapter}`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Offer</th>
                <th scope="col">Condition</th>
                <th scope="col" class="wide-only right">
                  Answer time
                </th>
                <th scope="col" class="wide-only right">
                  First event
                </th>
                <th scope="col" class="right">
                  Errors
                </th>
                <th scope="col" class="wide-only right">
                  Rate limited
                </th>
                <th scope="col" class="wide-only right">
                  Running
                </th>
              </tr>
            </thead>
            <tbody>
              {[...offers].sort(byTrouble).map((offer) => (
                <OfferRow key={`${offer.service_type} ${offer.provider} ${offer.model}`} offer={offer} />
              ))}
            </tbody>
          </table>
        </TableScroll>
      ) : (
        <div class="card-body" />
      )}
    </Card>
  )
}

function OfferRow({ offer }: { offer: OfferStatus }) {
  const {
    service_type,
    provider,
    model,
    condition,
    answer_ms,
    first_event_ms,
    error_rate,
    rate_limited_rate,
    samples,
    in_flight,
  } = offer
  // The health of a provider that was never asked is unknown, which is not the same as good.
  const [text, tone] =
    condition !== 'ok'
      ? conditionInWords(condition)
      : samples === undefined
        ? NOT_ASKED
        : isErring(offer)
          ? ERRING
          : conditionInWords(condition)
  return (
    <tr>
      <th scope="row" class="twofold offer">
        <span>{provider}</span>
        <span>
          {serviceName(service_type)}
          {model !== provider && ` · ${model}`}
        </span>
      </th>
      <td class="twofold">
        <span>
          <Badge tone={tone}>{text}</Badge>
        </span>
        {answer_ms !== undefined && <span class="narrow-only">in {duration(answer_ms / 1000)}</span>}
      </td>
      <td class="wide-only right number">{answer_ms === undefined ? '–' : duration(answer_ms / 1000)}</td>
      <td class="wide-only right number">{first_event_ms === undefined ? '–' : duration(first_event_ms / 1000)}</td>
      <td
        class={`right number ${isErring(offer) ? 'bad-text' : ''}`}
        title={
          samples === undefined ? undefined : `of ${exactly(samples)} recent calls; a call counts half as much after 30 seconds`
        }
      >
        {error_rate === undefined ? '–' : percent(error_rate)}
      </td>
      <td class="wide-only right number">{rate_limited_rate === undefined ? '–' : percent(rate_limited_rate)}</td>
      <td class="wide-only right number">{in_flight ?? '–'}</td>
    </tr>
  )
}
