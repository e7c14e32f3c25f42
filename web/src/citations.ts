// Citations in prose: `[E3]`, `[E3, E7]`, `[E4:L3]`, `[E4:L3-L5]`.
//
// Gives the text in pieces, each either words or one citation. A citation is
// valid when the evidence and the lines exist; an invalid one is kept and
// marked, so that nobody mistakes it for a checked claim.

export interface Citation {
  evidence: string;
  /** First and last line, from 1; null for the whole piece. */
  lines: readonly [number, number] | null;
  valid: boolean;
}

export type Piece = { text: string } | { citation: Citation };

const GROUP = /\[(E\d{1,5}(?::L\d{1,6}(?:-L?\d{1,6})?)?(?:\s*[,;]\s*E\d{1,5}(?::L\d{1,6}(?:-L?\d{1,6})?)?)*)\]/g;
const ONE = /^(E\d+)(?::L(\d+)(?:-L?(\d+))?)?$/;

/** Number of lines of a piece of evidence, or undefined when it is unknown. */
export type LineCount = (evidence: string) => number | undefined;

/** Splits `text` at its citations. */
export function pieces(text: string, lineCount: LineCount): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(GROUP)) {
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    for (const part of (match[1] ?? '').split(/[,;]/)) {
      const citation = parseCitation(part.trim(), lineCount);
      if (citation) found.push({ citation });
    }
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** One citation without its brackets. */
export function parseCitation(text: string, lineCount: LineCount): Citation | null {
  const match = ONE.exec(text);
  if (!match?.[1]) return null;
  const first = match[2] === undefined ? null : Number(match[2]);
  const lines = first === null ? null : ([first, Number(match[3] ?? first)] as const);
  return { evidence: match[1], lines, valid: holds(match[1], lines, lineCount) };
}

function holds(
  evidence: string,
  lines: readonly [number, number] | null,
  lineCount: LineCount,
): boolean {
  const available = lineCount(evidence);
  if (available === undefined) return false;
  return lines === null || (lines[0] >= 1 && lines[0] <= lines[1] && lines[1] <= available);
}

/** `E4:L3-L5` as written in addresses and on the screen. */
export function citationLabel({ evidence, lines }: Pick<Citation, 'evidence' | 'lines'>): string {
  if (!lines) return evidence;
  return lines[0] === lines[1] ? `${evidence}:L${lines[0]}` : `${evidence}:L${lines[0]}-L${lines[1]}`;
}
