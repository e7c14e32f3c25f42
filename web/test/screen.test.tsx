import { render } from 'preact';
import { beforeEach, expect, test } from 'vitest';
import type { Analysis } from '../src/api';
import { pieces } from '../src/citations';
import { Prose } from '../src/ui/cite';
import { Diff } from '../src/ui/diff';
import { Changes } from '../src/ui/findings';
import { whatToDo } from '../src/ui/problem';

let root: HTMLElement;
beforeEach(() => {
  root = document.createElement('div');
  document.body.replaceChildren(root);
});

test('hostile text stays text', () => {
  const hostile = '<img src=x onerror=alert(1)> [E1] <script>alert(2)</script>';
  render(<Prose text={hostile} lineCount={() => 1} />, root);
  expect(root.querySelector('img, script')).toBeNull();
  expect(root.textContent).toContain('<img src=x onerror=alert(1)>');
  expect(root.querySelectorAll('[data-citation]')).toHaveLength(1);
});

test('a citation that does not hold cannot be followed', () => {
  render(<Prose text="x [E9]" lineCount={() => undefined} />, root);
  expect(root.querySelector('button')).toBeNull();
  expect(root.querySelector('del')?.textContent).toContain('not found in the evidence');
  expect(pieces('x [E9]', () => undefined)).toHaveLength(2);
});

test('a diff shows its sides', () => {
  render(<Diff lines={[' same', '-old', '+new']} />, root);
  expect([...root.querySelectorAll('span')].map((line) => line.className)).toEqual([
    'same',
    'removed',
    'added',
  ]);
});

test('only the suspected change says why', () => {
  const object = { kind: 'ConfigMap', namespace: 'shop', name: 'web' };
  const change = { at: '2026-03-01T11:45:00Z', object, what: 'was edited', evidence: 'E2' };
  const suspected = 'nearest change that reaches <b>web</b>';
  const analysis = {
    incident: { started_at: '2026-03-01T12:00:00Z' },
    evidence: [],
    changes: [change, { ...change, evidence: 'E3', suspected }],
  } as unknown as Analysis;
  render(<Changes analysis={analysis} lineCount={() => 1} />, root);
  expect(root.querySelectorAll('li')).toHaveLength(2);
  expect(root.querySelectorAll('li.suspected')).toHaveLength(1);
  expect(root.querySelector('li.suspected .why')?.textContent).toBe(`Suspected: ${suspected}`);
  expect(root.querySelector('b')).toBeNull();
});

test('the advice of an error page is the part that says what to do', () => {
  expect(whatToDo('# x\n\nwhy\n\n## What to do\n\nUse `this`.\n')).toBe('Use this.');
  expect(whatToDo('no such part')).toBe('');
});
