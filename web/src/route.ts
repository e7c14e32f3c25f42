// Addresses of the two screens, after the `#`.

import type { Filter, IncidentState } from './api';

export type Route =
  | { screen: 'list'; filter: Filter }
  | { screen: 'incident'; id: string; focus: string | null };

export const NO_FILTER: Filter = { state: 'open', severity: '', namespace: '', q: '' };

const STATES: readonly string[] = ['open', 'resolved', 'all'];

/** Reads an address; anything unknown is the list. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?');
  const parts = path.split('/').filter(Boolean);
  const id = parts[0] === 'incidents' ? decode(parts[1]) : null;
  if (id) return { screen: 'incident', id, focus: decode(parts[2]) };
  return { screen: 'list', filter: parseFilter(new URLSearchParams(query)) };
}

function decode(part: string | undefined): string | null {
  if (!part) return null;
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

function parseFilter(query: URLSearchParams): Filter {
  const state = query.get('state') ?? 'open';
  return {
    state: (STATES.includes(state) ? state : 'open') as IncidentState,
    severity: query.get('severity') ?? '',
    namespace: query.get('namespace') ?? '',
    q: query.get('q') ?? '',
  };
}

/** The address of the list under a filter. */
export function listHash(filter: Filter): string {
  const query = new URLSearchParams();
  if (filter.state !== 'open') query.set('state', filter.state);
  if (filter.severity) query.set('severity', filter.severity);
  if (filter.namespace) query.set('namespace', filter.namespace);
  if (filter.q) query.set('q', filter.q);
  const text = query.toString();
  return text ? `#/?${text}` : '#/';
}

/** The address of an incident, and of evidence and lines in it. */
export function incidentHash(id: string, focus?: string | null): string {
  const base = `#/incidents/${encodeURIComponent(id)}`;
  return focus ? `${base}/${focus}` : base;
}
