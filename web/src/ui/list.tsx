// Screen 1: the incidents.

import { useEffect, useRef } from 'preact/hooks';
import type { Filter, IncidentRow, IncidentState } from '../api';
import { selected } from '../keys';
import { incidentHash, listHash } from '../route';
import {
  lastFilter,
  list,
  listLoaded,
  listLoading,
  listProblem,
  loadList,
  loadMore,
  now,
} from '../state';
import { PHASE_WORDS, count, severityClass, visible } from '../text';
import { duration, parse } from '../time';
import { Place, Severity, Time } from './atoms';
import { FirstRun, NothingFound } from './empty';
import { ProblemPanel } from './problem';

/** Pause after typing before the list is asked again. */
const TYPING_MS = 200;
/** From this many firing alerts on the totals are marked as a storm. */
const STORM_ALERTS = 100;

export function ListScreen() {
  const state = list.value;
  const problem = listProblem.value;
  return (
    <div class="list-screen">
      <h1 class="sr">Incidents</h1>
      <Toolbar />
      {problem && <ProblemPanel problem={problem} retry={() => void loadList()} />}
      {state.waiting.size > 0 && (
        <button type="button" class="waiting" onClick={() => void loadList()}>
          {count(state.waiting.size, 'new incident')} ↑ <kbd>.</kbd>
        </button>
      )}
      {!listLoaded.value && !problem && <p class="loading">Loading incidents</p>}
      {listLoaded.value && state.rows.length === 0 && <Nothing />}
      <ol class={`rows ${problem ? 'stale' : ''}`} aria-label="Incidents">
        {state.rows.map((row, index) => (
          <Row key={row.id} row={row} index={index} />
        ))}
      </ol>
      {state.nextCursor && (
        <button type="button" class="more" disabled={listLoading.value} onClick={() => void loadMore()}>
          {listLoading.value ? 'Loading' : 'Show more'}
        </button>
      )}
    </div>
  );
}

function Nothing() {
  const { counts } = list.value;
  const filter = lastFilter.value;
  const filtered = filter.severity !== '' || filter.namespace !== '' || filter.q !== '';
  if (filtered) return <NothingFound />;
  if (counts.open === 0 && counts.resolved === 0) return <FirstRun />;
  return (
    <div class="empty">
      <p class="strong">{filter.state === 'resolved' ? 'Nothing resolved yet' : 'All quiet'}</p>
      <p>
        {filter.state === 'resolved'
          ? 'Incidents move here when their last alert ends.'
          : `No alert fires now. ${count(counts.resolved, 'incident')} resolved.`}
      </p>
    </div>
  );
}

function go(change: Partial<Filter>): void {
  location.hash = listHash({ ...lastFilter.value, ...change });
}

const TABS: readonly (readonly [IncidentState, string])[] = [
  ['open', 'Open'],
  ['resolved', 'Resolved'],
  ['all', 'All'],
];

function Toolbar() {
  const { counts, rows } = list.value;
  const filter = lastFilter.value;
  const totals = { open: counts.open, resolved: counts.resolved, all: counts.open + counts.resolved };
  return (
    <div class="toolbar">
      <nav class="tabs" aria-label="Incident state">
        {TABS.map(([state, label]) => (
          <a
            key={state}
            href={listHash({ ...filter, state })}
            aria-current={filter.state === state ? 'page' : undefined}
          >
            {label} <span class="num dim">{listLoaded.value ? totals[state] : ''}</span>
          </a>
        ))}
      </nav>
      <Choice
        label="Severity"
        value={filter.severity}
        options={rows.map((row) => row.severity)}
        choose={(severity) => go({ severity })}
      />
      <Choice
        label="Namespace"
        value={filter.namespace}
        options={rows.map((row) => row.namespace)}
        choose={(namespace) => go({ namespace })}
      />
      <Search />
      <span class="spring" />
      {counts.open > 0 && (
        <span class={`num ${counts.firing_alerts >= STORM_ALERTS ? 'storm' : 'dim'}`}>
          {counts.firing_alerts >= STORM_ALERTS && <span aria-hidden="true">▲ </span>}
          {count(counts.firing_alerts, 'alert')} in {count(counts.open, 'open incident')}
        </span>
      )}
    </div>
  );
}

function Choice(props: {
  label: string;
  value: string;
  options: string[];
  choose: (value: string) => void;
}) {
  // A filtered list holds one value; the others seen before stay on offer.
  const seen = useRef(new Set<string>());
  for (const option of [...props.options, props.value]) if (option) seen.current.add(option);
  const options = [...seen.current].sort();
  return (
    <select
      aria-label={props.label}
      value={props.value}
      onChange={(event) => props.choose(event.currentTarget.value)}
    >
      <option value="">{props.label}: any</option>
      {options.map((option) => (
        <option key={option} value={option}>
          {visible(option)}
        </option>
      ))}
    </select>
  );
}

function Search() {
  const timer = useRef(0);
  const input = useRef<HTMLInputElement>(null);
  const text = lastFilter.value.q;
  useEffect(() => {
    const field = input.current;
    if (field && document.activeElement !== field) field.value = text;
  }, [text]);
  return (
    <input
      ref={input}
      id="search"
      type="search"
      placeholder="Search ( / )"
      aria-label="Search incidents"
      autocomplete="off"
      spellcheck={false}
      maxLength={200}
      defaultValue={text}
      onInput={(event) => {
        const q = event.currentTarget.value;
        window.clearTimeout(timer.current);
        timer.current = window.setTimeout(() => go({ q }), TYPING_MS);
      }}
    />
  );
}

function Row({ row, index }: { row: IncidentRow; index: number }) {
  const resolved = row.status === 'resolved';
  return (
    <li class={`incident-row ${resolved ? 'calm' : severityClass(row.severity)}`}>
      <a
        data-row
        href={incidentHash(row.id)}
        aria-current={selected.value === index ? 'true' : undefined}
        onFocus={() => (selected.value = index)}
      >
        <Severity severity={row.severity} resolved={resolved} />
        <span class="row-title clip" title={visible(row.title)}>
          {visible(row.title)}
        </span>
        <span class="row-place clip">
          <Place namespace={row.namespace} workload={row.workload} />
        </span>
        <span class="row-age num">
          <Age row={row} />
        </span>
        <span class="row-cause clip">
          <Cause row={row} />
        </span>
        <span class="row-counts num">
          {count(row.alert_count, 'alert')}
          {row.owner && ` · ${visible(row.owner)}`}
        </span>
        <span class="row-since num">
          <Time at={row.started_at} />
        </span>
      </a>
    </li>
  );
}

function Age({ row }: { row: IncidentRow }) {
  const started = parse(row.started_at);
  if (started === null) return null;
  const ended = parse(row.resolved_at);
  return <>{ended === null ? duration(now.value - started) : `lasted ${duration(ended - started)}`}</>;
}

function Cause({ row }: { row: IncidentRow }) {
  const working = row.phase !== 'done' && row.phase !== 'failed';
  if (row.cause) {
    return (
      <>
        <span class="dim">likely </span>
        {visible(row.cause)}
        {row.confidence && <span class={`confidence ${row.confidence}`}>{row.confidence}</span>}
        {working && <span class="dim"> · {PHASE_WORDS[row.phase]}</span>}
      </>
    );
  }
  if (working) return <span class="dim">{PHASE_WORDS[row.phase]} …</span>;
  return (
    <span class="dim">
      {row.phase === 'failed' ? PHASE_WORDS.failed : 'no clear cause'}
      {row.evidence_count > 0 && ` · ${count(row.evidence_count, 'piece')} of evidence`}
    </span>
  );
}
