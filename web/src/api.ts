// The console API: its wire types, and one way to call it.
//
// The types mirror `appliance/http/src/wire.rs` and `analysis/v1`. All text in
// them is untrusted and is only ever put into text nodes.

export type Severity = string;
export type Confidence = 'low' | 'medium' | 'high';
export type Risk = 'low' | 'medium' | 'high';
export type Phase = 'queued' | 'collecting' | 'reading' | 'writing' | 'done' | 'failed';
export type IncidentState = 'open' | 'resolved' | 'all';
export type Condition = 'ok' | 'degraded' | 'down' | 'off';
export type Verdict = 'accepted' | 'wrong_cause' | 'wrong_owner' | 'not_useful';

export interface IncidentRow {
  id: string;
  title: string;
  severity: Severity;
  status: string;
  started_at: string | null;
  resolved_at: string | null;
  namespace: string;
  workload: string;
  owner: string;
  alert_count: number;
  evidence_count: number;
  cause: string;
  confidence: Confidence | null;
  phase: Phase;
  seq: number;
}

export interface IncidentPage {
  incidents: IncidentRow[];
  next_cursor: string | null;
  counts: { open: number; resolved: number; firing_alerts: number };
  seq: number;
}

export interface Alert {
  name: string;
  status: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  starts_at: string | null;
  fingerprint: string;
}

export interface FeedbackEntry {
  verdict: Verdict;
  comment: string;
  at: string;
}

/** The answer to a follow-up question. */
export interface Answer {
  text: string;
  citations: string[];
  by: string;
  declined: boolean;
}

export interface IncidentDetail {
  incident: IncidentRow;
  group_key: string;
  alerts: Alert[];
  feedback: FeedbackEntry[];
  failure: string;
}

export interface ObjectRef {
  kind: string;
  namespace?: string;
  name: string;
}

export interface StatedCause {
  cause: string;
  object: ObjectRef;
  confidence: Confidence;
  because: string[];
  against: string[];
}

export type EvidenceKind =
  | 'alert'
  | 'event'
  | 'log'
  | 'status'
  | 'spec'
  | 'change'
  | 'metric'
  | 'probe';

export interface Evidence {
  id: string;
  kind: EvidenceKind;
  object: ObjectRef;
  at: string | null;
  title: string;
  lines: string[];
  query: string;
  truncated: string;
}

export interface Change {
  at: string;
  object: ObjectRef;
  what: string;
  evidence: string;
  /** Why it is suspected; absent for all but the suspected one. */
  suspected?: string;
}

export interface Analysis {
  format: 'analysis/v1';
  incident: { started_at: string | null };
  subject: ObjectRef | null;
  causes: StatedCause[];
  ruled_out: { cause: string; object: ObjectRef; because: string[] }[];
  missing: { source: string; detail: string }[];
  changes: Change[];
  evidence: Evidence[];
  summary: { text: string; by: string; citations: string[] };
  next_checks: { command: string; why: string }[];
  actions: { command: string; risk: Risk; reversible: boolean; undo: string; why: string }[];
  enrichment: {
    service: string;
    owner: string;
    slo: string;
    restarts: number;
    top_metrics: { query: string; before: number; after: number; change: string }[];
    dashboard_url: string;
    runbook_url: string;
  };
  timing: {
    card_ms: number;
    evidence_ms: number;
    prefill_tokens: number;
    decode_tokens: number;
    model_ms: number;
  };
}

export interface SourceStatus {
  name: string;
  condition: Condition;
  detail: string;
  since: string | null;
}

export interface StatusReport {
  version: string;
  cluster: string;
  now: string;
  journal_seq: number;
  sources: SourceStatus[];
  model: {
    state: 'ready' | 'loading' | 'off' | 'failed';
    name: string;
    tokens_per_second: number | null;
    detail: string;
  };
  queue: { waiting: number; running: number; oldest_seconds: number };
  intake: {
    notifications_total: number;
    alerts_total: number;
    last_at: string | null;
    watchdog_at: string | null;
    watchdog_late: boolean;
  };
  egress: { allowed_total: number; refused_total: number };
}

export type EventKind = 'incident' | 'analysis' | 'feedback' | 'status' | 'reset';

export interface ConsoleEvent {
  seq: number;
  kind: EventKind;
  incident_id: string | null;
  data: unknown;
}

/** A failure as the API words it, or as we word it when the API is away. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    readonly title: string,
    readonly detail: string,
  ) {
    super(`${title}: ${detail}`);
  }
}

const UNREACHABLE = new Problem(
  'unreachable',
  'The appliance does not answer',
  'The console could not reach it. What is shown may be old.',
);

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as Partial<Record<'code' | 'title' | 'detail', string>>;
    if (body.code && body.title) return new Problem(body.code, body.title, body.detail ?? '');
  } catch {
    // Not a problem document: a proxy in between answered.
  }
  return new Problem('unreachable', `Unexpected answer ${response.status}`, response.statusText);
}

async function request(path: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch (error) {
    if (init?.signal?.aborted) throw error;
    throw UNREACHABLE;
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await request(path, signal ? { signal } : undefined);
  return (await response.json()) as T;
}

async function post(path: string, body?: unknown): Promise<Response> {
  return request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-anchorite-request': '1' },
    body: body === undefined ? null : JSON.stringify(body),
  });
}

export interface Filter {
  state: IncidentState;
  severity: string;
  namespace: string;
  q: string;
}

const incidentPath = (id: string): string => `/api/v1/incidents/${encodeURIComponent(id)}`;

export const api = {
  incidents(filter: Filter, cursor: string | null, signal?: AbortSignal): Promise<IncidentPage> {
    const query = new URLSearchParams({ ...filter, limit: '100' });
    if (cursor) query.set('cursor', cursor);
    return getJson(`/api/v1/incidents?${query}`, signal);
  },
  /** Totals over everything held. */
  counts: (): Promise<IncidentPage['counts']> =>
    getJson<IncidentPage>('/api/v1/incidents?limit=1').then((page) => page.counts),
  incident: (id: string): Promise<IncidentDetail> => getJson(incidentPath(id)),
  analysis: (id: string): Promise<Analysis> => getJson(`${incidentPath(id)}/analysis`),
  status: (): Promise<StatusReport> => getJson('/api/v1/status'),
  async feedback(id: string, verdict: Verdict, comment: string): Promise<void> {
    await post(`${incidentPath(id)}/feedback`, { verdict, comment });
  },
  async ask(id: string, question: string): Promise<Answer> {
    const response = await post(`${incidentPath(id)}/ask`, { question });
    return (await response.json()) as Answer;
  },
  async analyze(id: string): Promise<void> {
    await post(`${incidentPath(id)}/analyze`);
  },
  bundlePath: (id: string): string => `${incidentPath(id)}/bundle`,
  analysisStreamPath: (id: string): string => `${incidentPath(id)}/analysis/stream`,
  async errorPage(code: string): Promise<string> {
    const response = await request(`/errors/${encodeURIComponent(code)}`);
    return response.text();
  },
};
