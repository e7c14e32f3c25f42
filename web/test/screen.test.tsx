import { render } from 'preact';
import { beforeEach, expect, test } from 'vitest';
import { pieces } from '../src/citations';
import { Prose } from '../src/ui/cite';
import { Diff } from '../src/ui/diff';
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

test('the advice of an error page is the part that says what to do', () => {
  expect(whatToDo('# x\n\nwhy\n\n## What to do\n\nUse `this`.\n')).toBe('Use this.');
  expect(whatToDo('no such part')).toBe('');
});
