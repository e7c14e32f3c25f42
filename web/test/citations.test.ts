import { expect, test } from 'vitest';
import { citationLabel, parseCitation, pieces } from '../src/citations';

const lineCount = (id: string): number | undefined => ({ E1: 0, E3: 5, E4: 16 })[id];

/** Citations in angle brackets, invalid ones with a `!`. */
function check(text: string, expected: string): void {
  const shown = pieces(text, lineCount)
    .map((piece) =>
      'text' in piece
        ? piece.text
        : `<${piece.citation.valid ? '' : '!'}${citationLabel(piece.citation)}>`,
    )
    .join('');
  expect(shown).toBe(expected);
}

test('citations are told from the words around them', () => {
  check('a [E3] b', 'a <E3> b');
  check('[E1]', '<E1>');
  check('no citation', 'no citation');
  check('', '');
});

test('one pair of brackets may hold several citations', () => {
  check('x [E3, E4:L2-L5; E1]', 'x <E3><E4:L2-L5><E1>');
});

test('line ranges are written with or without the second L', () => {
  check('[E4:L3]', '<E4:L3>');
  check('[E4:L3-5]', '<E4:L3-L5>');
  check('[E4:L3-L3]', '<E4:L3>');
});

test('citations of what does not exist are kept and marked', () => {
  check('[E99]', '<!E99>');
  check('[E3:L6]', '<!E3:L6>');
  check('[E3:L0]', '<!E3:L0>');
  check('[E3:L4-L2]', '<!E3:L4-L2>');
});

test('brackets that are not citations stay words', () => {
  for (const text of ['[link](x)', '[E]', '[e3]', '[E3', 'E3]', '[E3 E4]', '[]', '[E1234567]']) {
    check(text, text);
  }
});

test('long runs of brackets are read in linear time', () => {
  const text = '[E1, '.repeat(20_000);
  const start = performance.now();
  check(text, text);
  expect(performance.now() - start).toBeLessThan(1000);
});

test('an address names evidence and lines', () => {
  expect(parseCitation('E4:L13-L16', lineCount)?.lines).toEqual([13, 16]);
  expect(parseCitation('E4', lineCount)?.lines).toBeNull();
  expect(parseCitation('../E4', lineCount)).toBeNull();
});
