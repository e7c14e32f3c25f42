import { expect, test } from 'vitest';
import { NO_FILTER, incidentHash, listHash, parseRoute } from '../src/route';

test('addresses read back as they were written', () => {
  const filter = { state: 'all', severity: 'critical', namespace: 'a b', q: '50% & more' } as const;
  expect(parseRoute(listHash(filter))).toEqual({ screen: 'list', filter });
  expect(parseRoute(listHash(NO_FILTER))).toEqual({ screen: 'list', filter: NO_FILTER });
  expect(parseRoute(incidentHash('INC-1', 'E4:L3-L5'))).toEqual({
    screen: 'incident',
    id: 'INC-1',
    focus: 'E4:L3-L5',
  });
});

test('unknown addresses are the list', () => {
  for (const hash of ['', '#', '#/nothing', '#/incidents', '#/incidents/%E0%A4%A', '#/?state=x']) {
    expect(parseRoute(hash)).toEqual({ screen: 'list', filter: NO_FILTER });
  }
});
