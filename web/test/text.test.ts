import { expect, test } from 'vitest';
import {
  author,
  causeWords,
  count,
  diffSide,
  placeOf,
  severityClass,
  visible,
  webAddress,
} from '../src/text';

test('control and direction characters can be seen', () => {
  expect(visible('a\u0000b\u202ec\u007f')).toBe('a⟨U+0000⟩b⟨U+202E⟩c⟨U+007F⟩');
  expect(visible('tab\tline\n')).toBe('tab\tline\n');
  expect(visible('مرحبا 结账')).toBe('مرحبا 结账');
});

test('terminal colors are dropped and other escapes are seen', () => {
  expect(visible('\u001b[31mred\u001b[0m')).toBe('red');
  expect(visible('\u001b]0;title\u0007')).toBe('⟨U+001B⟩]0;title⟨U+0007⟩');
});

test('causes are read as words', () => {
  for (const [cause, words] of [
    ['LivenessProbeWrongPort', 'Liveness probe wrong port'],
    ['OOMKilled', 'OOM killed'],
    ['PVCNotBound', 'PVC not bound'],
    ['CoreDNSDown', 'Core DNS down'],
    ['', ''],
  ] as const) {
    expect(causeWords(cause)).toBe(words);
  }
});

test('only web addresses become links', () => {
  expect(webAddress('https://runbooks.example/x')).toBe('https://runbooks.example/x');
  for (const text of ['javascript:alert(1)', ' javascript:alert(1)', 'data:text/html,x', '/x', '']) {
    expect(webAddress(text)).toBeNull();
  }
});

test('severity words of sites fall into three marks', () => {
  expect(['critical', 'page', 'Warning', 'info', 'p3', ''].map(severityClass)).toEqual([
    'crit',
    'crit',
    'warn',
    'info',
    'info',
    'info',
  ]);
});

test('diff lines have a side and file headers do not', () => {
  expect(['+a', '-a', ' a', '+++ b', '--- a', '−a'].map(diffSide)).toEqual([
    'added',
    'removed',
    'same',
    'same',
    'same',
    'removed',
  ]);
});

test('names and counts read well', () => {
  expect(placeOf('shop', 'Deployment/ads')).toEqual({ kind: 'Deployment', name: 'shop/ads' });
  expect(placeOf('', 'Node/worker-7')).toEqual({ kind: 'Node', name: 'worker-7' });
  expect(count(1, 'alert')).toBe('1 alert');
  expect(count(1240, 'alert')).toBe('1 240 alerts');
  expect(author('model:qwen')).toBe('model qwen');
  expect(author('rules')).toBe('rules');
  expect(author('rules, model:qwen')).toBe('rules and model qwen');
});
