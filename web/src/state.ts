// The console's state and everything that changes it.
//
// Components read signals and call these functions; nothing else fetches.
// The last good data is kept through every failure.

import { batch, computed, effect, signal, untracked } from '@preact/signals';
import {
  type Analysis,
  type ConsoleEvent,
  type Filter,
  type IncidentDetail,
  type IncidentRow,
  type Phase,
  Problem,
  type StatusReport,
  api,
} from './api';
import { Live, type LinkState } from './live';
import { type ListState, NO_ROWS, fromPage, withEvent, withPage } from './reducer';
import { NO_FILTER, type Route, listHash, parseRoute } from './route';

export const route = signal<Route>(parseRoute(location.hash));
export const link = signal<LinkState>({ state: 'connecting' });
export const status = signal<StatusReport | null>(null);
/** The appliance's clock less the browser's, milliseconds. */
const clockOffset = signal(0);
const browserNow = signal(Date.now());
/** The appliance's clock, once a second. */
export const now = computed(() => browserNow.value + clockOffset.value);

export const list = signal<ListState>(NO_ROWS);
export const listLoading = signal(false);
export const listLoaded = signal(false);
export const listProblem = signal<Problem | null>(null);
/** The filter of the list last shown, to go back to. */
export const lastFilter = signal<Filter>(NO_FILTER);

/** One incident on the screen. */
export interface Opened {
  id: string;
  detail: IncidentDetail | null;
  analysis: Analysis | null;
  problem: Problem | null;
  loading: boolean;
}
export const opened = signal<Opened | null>(null);
/** What the model is writing now. */
export const writing = signal<{ phase: Phase; detail: string; text: string } | null>(null);
/** One sentence for screen readers. */
export const announcement = signal('');

const live = new Live({
  seq: () => list.value.seq,
  event: received,
  heartbeat: () => void refreshStatus(),
  link: (state) => (link.value = state),
});

/** Starts clock, routing and the stream. */
export function start(): void {
  window.setInterval(() => (browserNow.value = Date.now()), 1000);
  window.addEventListener('hashchange', () => (route.value = parseRoute(location.hash)));
  let shown = '';
  effect(() => {
    const next = route.value;
    const key = next.screen === 'list' ? listHash(next.filter) : `incident ${next.id}`;
    if (key === shown) return;
    shown = key;
    untracked(() => {
      if (next.screen === 'list') openList(next.filter);
      else void openIncident(next.id);
    });
  });
}

/** Tries the stream again without waiting. */
export const reconnect = (): void => live.retryNow();

function asProblem(error: unknown): Problem {
  return error instanceof Problem
    ? error
    : new Problem('unreachable', 'The answer could not be read', String(error));
}

async function refreshStatus(): Promise<void> {
  try {
    setStatus(await api.status());
  } catch {
    // The header already shows the state of the stream.
  }
}

function setStatus(report: StatusReport): void {
  status.value = report;
  const appliance = Date.parse(report.now);
  // Below two seconds it is only the way here.
  const offset = appliance - Date.now();
  clockOffset.value = Math.abs(offset) < 2000 ? 0 : offset;
}

/** Between tries while the appliance is away. */
const RETRY_MS = 5000;

// Without credentials each try would make the browser ask for them.
function retryLater(problem: Problem, retry: () => void): void {
  if (problem.code === 'unreachable' || problem.code === 'unavailable') {
    window.setTimeout(retry, RETRY_MS);
  }
}

let listRequest = new AbortController();

function openList(filter: Filter): void {
  lastFilter.value = filter;
  closeWriting();
  opened.value = null;
  void loadList(filter);
}

/** Loads the first page and, the first time, follows events from there. */
export async function loadList(filter: Filter = lastFilter.value): Promise<void> {
  listRequest.abort();
  listRequest = new AbortController();
  const { signal: aborted } = listRequest;
  listLoading.value = true;
  try {
    const page = await api.incidents(filter, null, aborted);
    batch(() => {
      list.value = fromPage(page);
      listLoaded.value = true;
      listProblem.value = null;
    });
    if (link.value.state !== 'live') live.connect();
    if (!status.value) void refreshStatus();
  } catch (error) {
    if (aborted.aborted) return;
    listProblem.value = asProblem(error);
    retryLater(listProblem.value, () => {
      if (listProblem.value && route.value.screen === 'list') void loadList();
    });
  }
  listLoading.value = false;
}

/** Adds the next page. */
export async function loadMore(): Promise<void> {
  const cursor = list.value.nextCursor;
  if (!cursor || listLoading.value) return;
  listLoading.value = true;
  try {
    list.value = withPage(list.value, await api.incidents(lastFilter.value, cursor));
  } catch (error) {
    listProblem.value = asProblem(error);
  }
  listLoading.value = false;
}

async function openIncident(id: string): Promise<void> {
  closeWriting();
  opened.value = { id, detail: null, analysis: null, problem: null, loading: true };
  await retryIncident(id);
}

/** Loads the incident, and follows events if none are followed yet. */
export async function retryIncident(id: string): Promise<void> {
  // The state first: events after its sequence number include every change
  // that is later than what is loaded next.
  if (list.value.seq === 0) await followFromNow();
  await loadIncident(id);
  const problem = opened.value?.id === id ? opened.value.problem : null;
  if (problem) {
    retryLater(problem, () => {
      if (opened.value?.id === id && opened.value.problem) void retryIncident(id);
    });
  }
}

async function followFromNow(): Promise<void> {
  await refreshStatus();
  if (!status.value) return;
  list.value = { ...list.value, seq: status.value.journal_seq };
  live.connect();
}

/** Loads the incident and its analysis; keeps what is shown if that fails. */
export async function loadIncident(id: string): Promise<void> {
  const before = opened.value;
  if (before?.id !== id) return;
  opened.value = { ...before, loading: true };
  const [detail, analysis] = await Promise.allSettled([api.incident(id), api.analysis(id)]);
  const current = opened.value;
  if (current?.id !== id) return;
  const noAnalysisYet =
    analysis.status === 'rejected' && asProblem(analysis.reason).code === 'analysis-not-ready';
  const failure =
    detail.status === 'rejected'
      ? detail.reason
      : analysis.status === 'rejected' && !noAnalysisYet
        ? analysis.reason
        : null;
  const next: Opened = {
    id,
    detail: detail.status === 'fulfilled' ? detail.value : current.detail,
    analysis: analysis.status === 'fulfilled' ? analysis.value : current.analysis,
    problem: failure === null ? null : asProblem(failure),
    loading: false,
  };
  opened.value = next;
  const phase = next.detail?.incident.phase;
  if (phase === 'done' || phase === 'failed') closeWriting();
  else if (phase) followWriting(id);
}

const KEEP_WRITING_MS = 150;
let writingSource: EventSource | null = null;
let writingBuffer = '';
let writingFrame = 0;

function closeWriting(): void {
  writingSource?.close();
  writingSource = null;
  cancelAnimationFrame(writingFrame);
  writingBuffer = '';
  writing.value = null;
}

// Text is put on the screen once per frame, whatever the model's speed.
function appendText(text: string): void {
  if (writingBuffer === '') {
    writingFrame = requestAnimationFrame(() => {
      const shown = writing.value;
      if (shown) writing.value = { ...shown, text: shown.text + writingBuffer };
      writingBuffer = '';
    });
  }
  writingBuffer += text;
}

function followWriting(id: string): void {
  if (writingSource) return;
  const source = new EventSource(api.analysisStreamPath(id));
  writingSource = source;
  const on = (name: string, handle: (data: { phase: Phase; text: string; detail: string }) => void) =>
    source.addEventListener(name, (message) =>
      handle(JSON.parse((message as MessageEvent<string>).data)),
    );
  on('snapshot', ({ phase, text }) => {
    cancelAnimationFrame(writingFrame);
    writingBuffer = '';
    writing.value = { phase, detail: '', text };
  });
  on('phase', ({ phase, detail }) => {
    writing.value = { phase, detail, text: writing.value?.text ?? '' };
  });
  on('text', ({ text }) => appendText(text));
  source.addEventListener('error', () => {
    // A cut connection is opened again by the browser; a refused one is not,
    // and the next event of the incident tries again.
    if (source.readyState === EventSource.CLOSED && writingSource === source) writingSource = null;
  });
  on('done', () => finishWriting(id));
  on('failed', () => finishWriting(id));
}

function finishWriting(id: string): void {
  writingSource?.close();
  writingSource = null;
  window.setTimeout(() => {
    void loadIncident(id).then(() => {
      const analysis = opened.value?.analysis;
      if (analysis) {
        announcement.value = `Answer ready, ${analysis.summary.citations.length} citations`;
      }
    });
  }, KEEP_WRITING_MS);
}

/** A storm of events asks for the totals once per this time. */
const COUNTS_MS = 1000;
let countsTimer = 0;

function refreshCountsSoon(): void {
  if (countsTimer !== 0) return;
  countsTimer = window.setTimeout(() => {
    countsTimer = 0;
    api
      .counts()
      .then((counts) => (list.value = { ...list.value, counts }))
      .catch(() => undefined); // The old totals stay until the next event.
  }, COUNTS_MS);
}

let refresh = 0;

function received(event: ConsoleEvent): void {
  if (event.kind === 'reset') {
    list.value = { ...list.value, seq: event.seq };
    void loadList();
    if (opened.value) void loadIncident(opened.value.id);
    return;
  }
  if (event.kind === 'status') setStatus(event.data as StatusReport);
  list.value = withEvent(list.value, event, lastFilter.value);
  refreshCountsSoon();
  const current = opened.value;
  if (!current || current.id !== event.incident_id) return;
  if (event.kind === 'incident' || event.kind === 'analysis') {
    const row = event.data as IncidentRow;
    if (current.detail) {
      opened.value = { ...current, detail: { ...current.detail, incident: row } };
    }
  }
  window.clearTimeout(refresh);
  refresh = window.setTimeout(() => void loadIncident(current.id), KEEP_WRITING_MS);
}
