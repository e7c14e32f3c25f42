import { expect, test } from 'vitest';
import type { ConsoleEvent, IncidentPage, IncidentRow } from '../src/api';
import { type ListState, fromPage, matches, withEvent, withPage } from '../src/reducer';
import { NO_FILTER } from '../src/route';

const row = (id: string, change: Partial<IncidentRow> = {}): IncidentRow => ({
  id,
  title: `title of ${id}`,
  severity: 'warning',
  status: 'firing',
  started_at: null,
  resolved_at: null,
  namespace: 'shop',
  workload: 'Deployment/ads',
  owner: 'team-a',
  alert_count: 1,
  evidence_count: 0,
  cause: '',
  confidence: null,
  phase: 'done',
  seq: 10,
  ...change,
});

const page = (...rows: IncidentRow[]): IncidentPage => ({
  incidents: rows,
  next_cursor: null,
  counts: { open: rows.length, resolved: 0, firing_alerts: rows.length },
  seq: 10,
});

const event = (seq: number, data: IncidentRow): ConsoleEvent => ({
  seq,
  kind: 'incident',
  incident_id: data.id,
  data,
});

const ids = (state: ListState): string[] => state.rows.map((known) => known.id);

test('a shown row changes in place and nothing moves', () => {
  const before = fromPage(page(row('a'), row('b')));
  const after = withEvent(before, event(11, row('b', { severity: 'critical', seq: 11 })), NO_FILTER);
  expect(ids(after)).toEqual(['a', 'b']);
  expect(after.rows[1]?.severity).toBe('critical');
  expect(after.seq).toBe(11);
});

test('a new row waits until it is asked for', () => {
  const before = fromPage(page(row('a')));
  const after = withEvent(before, event(11, row('b', { seq: 11 })), NO_FILTER);
  expect(ids(after)).toEqual(['a']);
  expect([...after.waiting]).toEqual(['b']);
  expect([...withEvent(after, event(12, row('b', { seq: 12 })), NO_FILTER).waiting]).toEqual(['b']);
});

test('a repeated older event changes nothing', () => {
  const before = fromPage(page(row('a', { title: 'new', seq: 20 })));
  const after = withEvent(before, event(11, row('a', { title: 'old', seq: 11 })), NO_FILTER);
  expect(after.rows[0]?.title).toBe('new');
});

test('the sequence number never goes back', () => {
  const before = { ...fromPage(page()), seq: 50 };
  expect(withEvent(before, event(11, row('a')), NO_FILTER).seq).toBe(50);
});

test('rows outside the filter do not wait', () => {
  const filter = { ...NO_FILTER, severity: 'critical' };
  expect(withEvent(fromPage(page()), event(11, row('a')), filter).waiting.size).toBe(0);
});

test('a further page does not repeat rows', () => {
  const before = fromPage(page(row('a'), row('b')));
  expect(ids(withPage(before, page(row('b'), row('c'))))).toEqual(['a', 'b', 'c']);
});

test('the filter decides as the server does', () => {
  const shown = (change: Partial<IncidentRow>, filter: Partial<typeof NO_FILTER>): boolean =>
    matches(row('a', change), { ...NO_FILTER, ...filter });
  expect(shown({}, {})).toBe(true);
  expect(shown({ status: 'resolved' }, {})).toBe(false);
  expect(shown({ status: 'resolved' }, { state: 'resolved' })).toBe(true);
  expect(shown({ status: 'resolved' }, { state: 'all' })).toBe(true);
  expect(shown({ cause: 'Image changed' }, { q: 'iMAGE' })).toBe(true);
  expect(shown({}, { q: 'absent' })).toBe(false);
  expect(shown({}, { namespace: 'other' })).toBe(false);
});
