import { expect, test } from 'vitest';
import { ago, clock, cost, duration, parse, preciseDuration, relativeToOnset, stamp } from '../src/time';

const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;

test('durations have at most two units', () => {
  for (const [span, words] of [
    [-5 * S, '0 s'],
    [8 * S, '8 s'],
    [59_999, '59 s'],
    [14 * MIN + 7 * S, '14 min'],
    [3 * H, '3 h'],
    [3 * H + 12 * MIN, '3 h 12 min'],
    [3 * D + 4 * H + 5 * MIN, '3 d 4 h'],
  ] as const) {
    expect(duration(span)).toBe(words);
  }
});

test('seconds are shown where they decide', () => {
  expect(preciseDuration(3 * MIN + 27 * S)).toBe('3 min 27 s');
  expect(preciseDuration(2 * H)).toBe('2 h');
});

test('a change lies before, at or after the onset', () => {
  expect(relativeToOnset(0, 207 * S)).toBe('3 min 27 s before onset');
  expect(relativeToOnset(207 * S, 0)).toBe('3 min 27 s after onset');
  expect(relativeToOnset(100, 600)).toBe('at onset');
});

test('times of another day carry their day', () => {
  const noon = Date.UTC(2026, 10, 20, 12, 0, 5);
  expect(stamp(noon, noon, 'utc')).toBe('12:00:05Z');
  expect(stamp(noon - D, noon, 'utc')).toBe('2026-11-19 12:00:05Z');
  expect(clock(noon, 'utc')).toBe('12:00:05Z');
});

test('clocks that run apart never give a negative age', () => {
  expect(ago(5000, 0)).toBe('just now');
  expect(ago(0, 14 * MIN)).toBe('14 min ago');
});

test('unreadable times are no times', () => {
  expect(parse(null)).toBeNull();
  expect(parse('yesterday')).toBeNull();
  expect(parse('1970-01-01T00:00:01Z')).toBe(1000);
});

test('costs are read at a glance', () => {
  expect([85, 410, 8310, 62_000].map(cost)).toEqual(['85 ms', '0.4 s', '8.3 s', '1 min 2 s']);
});
