// The rest of the report: changes, checks, actions, what was ruled out, what
// could not be seen, alerts, and what it cost.

import { useSignal } from '@preact/signals';
import { type Alert, type Analysis, Problem, api } from '../api';
import type { LineCount } from '../citations';
import { loadIncident } from '../state';
import { RISK_WORDS, author, causeWords, count, objectName, visible, webAddress } from '../text';
import { cost, parse, relativeToOnset } from '../time';
import { Command, Panel, Time } from './atoms';
import { Cite, Cites } from './cite';
import { Diff } from './diff';

interface Part {
  analysis: Analysis;
  lineCount: LineCount;
}

export function Changes({ analysis, lineCount }: Part) {
  if (analysis.changes.length === 0) {
    return (
      <Panel id="changes-title" title="Changes before the onset">
        <p class="dim">No change was seen before the onset.</p>
      </Panel>
    );
  }
  const onset = parse(analysis.incident.started_at);
  const lines = new Map(analysis.evidence.map((item) => [item.id, item.lines]));
  return (
    <Panel id="changes-title" title="Changes before the onset">
      <ol class="plain changes">
        {analysis.changes.map((change, index) => {
          const at = parse(change.at);
          const suspected = change.suspected ?? '';
          return (
            <li
              key={`${change.evidence} ${index}`}
              class={suspected === '' ? undefined : 'suspected'}
            >
              <p class="change-head">
                <span>
                  <span class="dim">{visible(change.object.kind)}</span>{' '}
                  <span class="mono strong">{objectName(change.object)}</span>{' '}
                  <Cite
                    citation={{
                      evidence: change.evidence,
                      lines: null,
                      valid: lineCount(change.evidence) !== undefined,
                    }}
                  />
                </span>
                <span class="num dim">
                  <Time at={change.at} />
                  {at !== null && onset !== null && ` · ${relativeToOnset(at, onset)}`}
                </span>
              </p>
              <p>{visible(change.what)}</p>
              {suspected !== '' && (
                <p class="why">
                  <strong>Suspected</strong>: {visible(suspected)}
                </p>
              )}
              <Diff lines={lines.get(change.evidence) ?? []} />
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}

export function NextChecks({ analysis }: { analysis: Analysis }) {
  if (analysis.next_checks.length === 0) return null;
  return (
    <Panel id="checks-title" title="Next checks" aside={<span class="dim">read-only</span>}>
      <ol class="plain commands">
        {analysis.next_checks.map((check, index) => (
          <li key={index}>
            <p>{visible(check.why)}</p>
            <Command command={check.command} label={`check ${index + 1}`} />
          </li>
        ))}
      </ol>
    </Panel>
  );
}

export function Actions({ analysis }: { analysis: Analysis }) {
  if (analysis.actions.length === 0) return null;
  return (
    <Panel
      id="actions-title"
      title="Possible repairs"
      aside={<span class="dim">for a person to run; nothing is executed here</span>}
    >
      <ol class="plain commands">
        {analysis.actions.map((action, index) => (
          <li key={index}>
            <p>
              {visible(action.why)}{' '}
              <span class="dim">
                <span class={`risk ${action.risk}`}>{action.risk} risk</span>: {RISK_WORDS[action.risk]}
                {action.reversible ? ' · can be undone' : ' · cannot be undone'}
              </span>
            </p>
            <Command command={action.command} label={`repair ${index + 1}`} />
            {action.undo && (
              <div class="undo">
                <span class="dim">way back</span>
                <Command command={action.undo} label={`way back of repair ${index + 1}`} />
              </div>
            )}
          </li>
        ))}
      </ol>
    </Panel>
  );
}

export function RuledOut({ analysis, lineCount }: Part) {
  if (analysis.ruled_out.length === 0) return null;
  return (
    <Panel id="ruled-out-title" title="Ruled out">
      <ul class="plain">
        {analysis.ruled_out.map((candidate, index) => (
          <li key={index}>
            {causeWords(candidate.cause)}{' '}
            <span class="mono dim">{objectName(candidate.object)}</span>{' '}
            <Cites ids={candidate.because} lineCount={lineCount} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

export function Missing({ analysis }: { analysis: Analysis }) {
  if (analysis.missing.length === 0) return null;
  return (
    <Panel id="missing-title" title="Not seen">
      <ul class="plain">
        {analysis.missing.map((gap, index) => (
          <li key={index}>
            <span class="strong">{visible(gap.source)}</span> <span>{visible(gap.detail)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

export function Context({ analysis }: { analysis: Analysis }) {
  const { service, slo, restarts, top_metrics, dashboard_url, runbook_url } = analysis.enrichment;
  const facts: [string, preact.ComponentChild][] = [];
  if (service) facts.push(['service', visible(service)]);
  if (slo) facts.push(['objective', visible(slo)]);
  if (restarts > 0) facts.push(['restarts', restarts]);
  for (const metric of top_metrics) {
    facts.push([
      'metric',
      <>
        <code>{visible(metric.query)}</code> {visible(metric.change)}
      </>,
    ]);
  }
  if (runbook_url) facts.push(['runbook', <Address key="runbook" text={runbook_url} />]);
  if (dashboard_url) facts.push(['dashboard', <Address key="dashboard" text={dashboard_url} />]);
  if (facts.length === 0) return null;
  return (
    <Panel id="context-title" title="Context">
      <dl class="facts">
        {facts.map(([name, value], index) => (
          <div key={index}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

/** An address from an annotation: a link only if it is a plain web address. */
function Address({ text }: { text: string }) {
  const address = webAddress(text);
  if (!address) return <span class="mono">{visible(text)}</span>;
  return (
    <a href={address} target="_blank" rel="noopener noreferrer" class="mono">
      {visible(text)}
    </a>
  );
}

export function Alerts({ alerts }: { alerts: Alert[] }) {
  if (alerts.length === 0) return null;
  return (
    <Panel id="alerts-title" title="Alerts" aside={<span class="num dim">{alerts.length}</span>}>
      <ul class="plain alerts">
        {alerts.slice(0, 100).map((alert, index) => (
          <li key={`${alert.fingerprint} ${index}`}>
            <details>
              <summary>
                <span class="strong">{visible(alert.name)}</span>{' '}
                <span class="dim">{visible(alert.status)} since</span> <Time at={alert.starts_at} />
              </summary>
              <Pairs pairs={alert.labels} />
              <Pairs pairs={alert.annotations} />
            </details>
          </li>
        ))}
      </ul>
      {alerts.length > 100 && <p class="dim">and {count(alerts.length - 100, 'more alert')}</p>}
    </Panel>
  );
}

function Pairs({ pairs }: { pairs: Record<string, string> }) {
  return (
    <dl class="pairs mono">
      {Object.entries(pairs).map(([name, value]) => (
        <div key={name}>
          <dt>{visible(name)}</dt>
          <dd>{visible(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What the analysis cost, its bundle, and how to have another one. */
export function Provenance({ id, analysis, working }: { id: string; analysis: Analysis | null; working: boolean }) {
  const problem = useSignal('');
  const again = async () => {
    problem.value = '';
    try {
      await api.analyze(id);
      await loadIncident(id);
    } catch (error) {
      problem.value = error instanceof Problem ? error.detail : String(error);
    }
  };
  const timing = analysis?.timing;
  return (
    <div class="provenance">
      {timing && (
        <p class="dim num">
          card {cost(timing.card_ms)} · evidence {cost(timing.evidence_ms)}
          {timing.model_ms > 0 &&
            ` · ${author(analysis.summary.by)} ${cost(timing.model_ms)}, ${count(timing.prefill_tokens, 'token')} read, ${count(timing.decode_tokens, 'token')} written`}
        </p>
      )}
      <p class="row">
        <button type="button" disabled={working} onClick={() => void again()}>
          {working ? 'Analysis under way' : 'Analyze again'}
        </button>
        {analysis && (
          <a class="button" href={api.bundlePath(id)} download>
            Download bundle
          </a>
        )}
      </p>
      {problem.value && (
        <p role="alert" class="warn-text">
          ▲ {visible(problem.value)}
        </p>
      )}
    </div>
  );
}
