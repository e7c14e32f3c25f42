// Screen 2: one incident. Left a short report, right its evidence.

import type { Analysis, IncidentDetail } from '../api';
import { listHash } from '../route';
import { type Opened, lastFilter, now, opened, retryIncident, route, writing } from '../state';
import { PHASE_WORDS, visible } from '../text';
import { duration, parse } from '../time';
import { Copy, Place, Severity, Time } from './atoms';
import { Ask } from './ask';
import { CausePanel } from './cause';
import { lineCounter } from './cite';
import { EvidenceRail } from './evidence';
import { Feedback } from './feedback';
import { Actions, Alerts, Changes, Context, Missing, NextChecks, Provenance, RuledOut } from './findings';
import { ProblemPanel } from './problem';

export function IncidentScreen() {
  const current = opened.value;
  if (!current) return null;
  return (
    <div class="incident-screen">
      <p class="crumb">
        <a href={listHash(lastFilter.value)}>
          ← Incidents <kbd>Esc</kbd>
        </a>
      </p>
      {current.problem && (
        <ProblemPanel problem={current.problem} retry={() => void retryIncident(current.id)} />
      )}
      {!current.detail && !current.problem && <p class="loading">Loading the incident</p>}
      {current.detail && <Loaded current={current} detail={current.detail} />}
    </div>
  );
}

function Loaded({ current, detail }: { current: Opened; detail: IncidentDetail }) {
  const { analysis } = current;
  const place = route.value;
  const focus = place.screen === 'incident' ? place.focus : null;
  const lineCount = lineCounter(analysis);
  const { incident: row } = detail;
  const working = row.phase !== 'done' && row.phase !== 'failed';
  return (
    <>
      <Title detail={detail} analysis={analysis} />
      <div class={`columns ${current.problem ? 'stale' : ''}`}>
        <div class="report">
          {analysis || writing.value ? (
            <CausePanel analysis={analysis} row={row} failure={detail.failure} lineCount={lineCount} />
          ) : (
            <p class="loading">{working ? PHASE_WORDS[row.phase] : 'No analysis was kept'}</p>
          )}
          {analysis && (
            <>
              <Changes analysis={analysis} lineCount={lineCount} />
              <NextChecks analysis={analysis} />
              <Actions analysis={analysis} />
              <RuledOut analysis={analysis} lineCount={lineCount} />
              <Missing analysis={analysis} />
              <Context analysis={analysis} />
            </>
          )}
          {analysis && <Ask key={row.id} id={row.id} lineCount={lineCount} />}
          <Alerts alerts={detail.alerts} />
          {analysis && <Feedback id={row.id} given={detail.feedback} />}
          <Provenance id={row.id} analysis={analysis} working={working} />
        </div>
        {analysis && <EvidenceRail analysis={analysis} focus={focus} />}
      </div>
    </>
  );
}

function Title({ detail, analysis }: { detail: IncidentDetail; analysis: Analysis | null }) {
  const { incident: row } = detail;
  const resolved = row.status === 'resolved';
  const started = parse(row.started_at);
  const ended = parse(row.resolved_at);
  const owner = row.owner || analysis?.enrichment.owner || '';
  return (
    <header class="incident-title">
      <p class="row">
        <Severity severity={row.severity} resolved={resolved} />
        <span class="num">
          {resolved && ended !== null && started !== null
            ? `resolved after ${duration(ended - started)}`
            : `open ${started === null ? '' : duration(now.value - started)}`}
        </span>
        <span class="dim mono">{row.id}</span>
        <Copy text={location.href} label="the link to this incident" words="Copy link" />
      </p>
      <h1>{visible(row.title)}</h1>
      <p class="row meta">
        {row.workload && (
          <span>
            <Place namespace={row.namespace} workload={row.workload} />
          </span>
        )}
        <span>
          <span class="dim">since</span> <Time at={row.started_at} />
        </span>
        {owner && (
          <span>
            <span class="dim">owner</span> {visible(owner)}
          </span>
        )}
        {analysis?.enrichment.slo && (
          <span>
            <span class="dim">objective</span> {visible(analysis.enrichment.slo)}
          </span>
        )}
      </p>
    </header>
  );
}
