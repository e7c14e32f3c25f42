// Citations on the screen, and prose with citations in it.

import type { Analysis } from '../api';
import { type Citation, type LineCount, citationLabel, pieces } from '../citations';
import { jumpTo, lit } from '../jump';
import { visible } from '../text';

/** How many lines each piece of evidence of an analysis has. */
export function lineCounter(analysis: Analysis | null): LineCount {
  const lines = new Map(analysis?.evidence.map((item) => [item.id, item.lines.length]));
  return (evidence) => lines.get(evidence);
}

export function Cite({ citation }: { citation: Citation }) {
  const label = citationLabel(citation);
  if (!citation.valid) {
    return (
      <del class="cite" title="Not found in the evidence">
        {label}
        <span class="sr"> not found in the evidence</span>
      </del>
    );
  }
  return (
    <button
      type="button"
      class="cite"
      data-citation
      aria-label={`Evidence ${label}`}
      onClick={(event) => jumpTo(label, event.currentTarget)}
      onPointerEnter={() => (lit.value = citation.evidence)}
      onPointerLeave={() => (lit.value = null)}
    >
      {label}
    </button>
  );
}

/** Citations of whole pieces of evidence. */
export function Cites({ ids, lineCount }: { ids: string[]; lineCount: LineCount }) {
  return (
    <span class="cites">
      {ids.map((id) => (
        <Cite
          key={id}
          citation={{ evidence: id, lines: null, valid: lineCount(id) !== undefined }}
        />
      ))}
    </span>
  );
}

/** Prose whose citations can be followed. */
export function Prose({ text, lineCount }: { text: string; lineCount: LineCount }) {
  return (
    <>
      {pieces(text, lineCount).map((piece, index) =>
        'text' in piece ? (
          <span key={index}>{visible(piece.text)}</span>
        ) : (
          <Cite key={index} citation={piece.citation} />
        ),
      )}
    </>
  );
}
