import type { RouteCandidate, RouteDecision } from '@farebox/client'
import { duration, exactly, instant, plural, serviceName } from '../format.ts'
import { Nothing } from '../parts/answer-view.tsx'
import { Badge } from '../parts/badge.tsx'
import { Card } from '../parts/card.tsx'
import { TableScroll } from '../parts/table-scroll.tsx'
import { useFirst } from '../parts/use-first.tsx'
import { conditionInWords } from './condition-in-words.ts'

/** How the providers of a workflow were chosen: the candidates with their figures, and the rejected offers with the reasons. */
export function Decisions({ decisions }: { decisions: readonly RouteDecision[] }) {
  const { first, more } = useFirst(decisions, 'decisions')
  return (
    <Card title="Route decisions" note="Which providers were considered for each call, and why others were not">
      {decisions.length === 0 ? (
        <Nothing title="No decisions" hint="A decision is kept with each call that Farebox routes." />
      ) : (
        <div class="decisions">
          {first.map((decision, place) => (
            <OneDecision key={decision.usage_id} decision={decision} isOpen={place === 0} />
          ))}
          {more}
        </div>
      )}
    </Card>
  )
}

function OneDecision({ decision, isOpen }: { decision: RouteDecision; isOpen: boolean }) {
  const { expected, at_most, price_version } = decision
  const { service_type, operation, strategy, decided_at, complexity, hold, candidates, rejected, not_offered = [] } = decision
  return (
    <details class="decision" open={isOpen}>
      <summary>
        <strong>{serviceName(service_type)}</strong>
        <span class="soft">answered by {decision.answered_by}</span>
        {strategy && <Badge tone="plain">{strategy.replaceAll('_', ' ')}</Badge>}
        {complexity && <Badge tone="plain">{`complexity ${complexity.value}`}</Badge>}
        <span class="faint small">
          {operation}
          {hold !== undefined && `, held ${exactly(hold)} ${plural(Number(hold), 'credit')}`}
          {decided_at && ` · ${instant(decided_at)}`}
        </span>
      </summary>
      <div class="decision-body">
        {expected.length > 0 && (
          <p class="rejected small soft">
            Expected usage: {expected.join(', ')}
            {at_most.length > 0 && `; at most: ${at_most.join(', ')}`}
            {price_version && `; priced by ${price_version}`}.
          </p>
        )}
        <h3>Candidates, first choice first; charges in credits</h3>
        <CandidateRows candidates={candidates} />
        {decision.candidates_omitted !== undefined && <p class="rejected faint small">and {decision.candidates_omitted} more</p>}
        {(rejected.length > 0 || not_offered.length > 0) && (
          <>
            <h3>Not considered</h3>
            <ul class="rejected small">
              {rejected.map(({ provider, adapter, reason, detail }) => (
                <li key={`${adapter} ${provider} ${reason}`}>
                  <strong>{provider}</strong>
                  <Badge tone="plain">{reason.replaceAll('_', ' ')}</Badge>
                  <span class="soft">{detail}</span>
                </li>
              ))}
              {not_offered.map((provider) => (
                <li key={provider}>
                  <strong>{provider}</strong>
                  <Badge tone="plain">not offered</Badge>
                  <span class="soft">configured, but no adapter offers it</span>
                </li>
              ))}
              {decision.rejected_omitted !== undefined && <li class="faint">and {decision.rejected_omitted} more</li>}
            </ul>
          </>
        )}
      </div>
    </details>
  )
}

function Health({ condition }: { condition: string }) {
  const [text, tone] = conditionInWords(condition)
  return <Badge tone={tone}>{text}</Badge>
}

function CandidateRows({ candidates }: { candidates: readonly RouteCandidate[] }) {
  return (
    <TableScroll label="Candidates">
      <table>
        <thead>
          <tr>
            <th scope="col">Candidate</th>
            <th scope="col" class="right">
              Score
            </th>
            <th scope="col" class="right">
              Expected
            </th>
            <th scope="col" class="wide-only right">
              At most
            </th>
            <th scope="col" class="wide-only right">
              Latency
            </th>
            <th scope="col" class="wide-only right">
              Quality
            </th>
            <th scope="col" class="wide-only">
              Health
            </th>
          </tr>
        </thead>
        <tbody>
          {candidates.map(({ provider, model, adapter, charge, ceiling, latency_ms, quality, score, condition, why }) => (
            <tr key={`${adapter} ${model}`}>
              <th scope="row" class="twofold">
                <span>{provider}</span>
                <span>
                  {adapter} · {why}
                </span>
              </th>
              <td class="right number">{exactly(Math.round(score * 1000) / 1000)}</td>
              <td class="right number">{exactly(charge)}</td>
              <td class="wide-only right number">{exactly(ceiling)}</td>
              <td class="wide-only right number">{duration(latency_ms / 1000)}</td>
              <td class="wide-only right number">{exactly(quality)}</td>
              <td class="wide-only">
                <Health condition={condition} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}
