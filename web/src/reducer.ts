// What the list shows, as a pure function of pages and events.
//
// Rows that are shown change in place and never move: nothing moves under the
// cursor. Rows that are new are counted and wait until they are asked for.

import type { ConsoleEvent, Filter, IncidentPage, IncidentRow } from './api';

export interface ListState {
  rows: IncidentRow[];
  nextCursor: string | null;
  counts: IncidentPage['counts'];
  /** Incidents that arrived since the page was loaded. */
  waiting: ReadonlySet<string>;
  /** Highest sequence number seen. */
  seq: number;
}

export const NO_ROWS: ListState = {
  rows: [],
  nextCursor: null,
  counts: { open: 0, resolved: 0, firing_alerts: 0 },
  waiting: new Set(),
  seq: 0,
};

/** The first page, fresh. */
export function fromPage(page: IncidentPage): ListState {
  return {
    rows: page.incidents,
    nextCursor: page.next_cursor,
    counts: page.counts,
    waiting: new Set(),
    seq: page.seq,
  };
}

/** A further page; rows already shown stay where they are. */
export function withPage(state: ListState, page: IncidentPage): ListState {
  const shown = new Set(state.rows.map((row) => row.id));
  return {
    ...state,
    rows: [...state.rows, ...page.incidents.filter((row) => !shown.has(row.id))],
    nextCursor: page.next_cursor,
    counts: page.counts,
  };
}

/** One event. Old and repeated events change nothing. */
export function withEvent(state: ListState, event: ConsoleEvent, filter: Filter): ListState {
  const seq = Math.max(state.seq, event.seq);
  if (event.kind !== 'incident' && event.kind !== 'analysis') return { ...state, seq };
  const row = event.data as IncidentRow;
  const index = state.rows.findIndex((known) => known.id === row.id);
  const known = state.rows[index];
  if (known) {
    if (known.seq > row.seq) return { ...state, seq };
    return { ...state, rows: state.rows.with(index, row), seq };
  }
  if (!matches(row, filter)) return { ...state, seq };
  return { ...state, waiting: new Set(state.waiting).add(row.id), seq };
}

/** Whether a row belongs to the list under `filter`, as the server decides. */
export function matches(row: IncidentRow, filter: Filter): boolean {
  if (filter.state !== 'all' && (row.status === 'resolved') !== (filter.state === 'resolved')) {
    return false;
  }
  if (filter.severity && row.severity !== filter.severity) return false;
  if (filter.namespace && row.namespace !== filter.namespace) return false;
  const text = filter.q.toLowerCase();
  return [row.title, row.cause, row.workload, row.owner].some((field) =>
    field.toLowerCase().includes(text),
  );
}
