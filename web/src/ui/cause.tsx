// The answer: likely cause, how sure, who says so, and what speaks for and
// against it.

import type { Analysis, IncidentRow, StatedCause } from '../api';
import { writing } from '../state';
import { CONFIDENCE_WORDS, PHASE_WORDS, author, causeWords, count, objectName, visible } from '../text';
import type { LineCount } from '../citations';
import { Panel } from './atoms';
import { Cites, Prose } from './cite';

export function CausePanel(props: {
  analysis: Analysis | null;
  row: IncidentRow;
  failure: string;
  lineCount: LineCount;
}) {
  const { analysis, lineCount } = props;
  const [best, ...others] = analysis?.causes ?? [];
  return (
    <Panel id="cause-title" class="cause" title={best || !analysis ? 'Likely cause' : 'Cause'} aside={<Byline {...props} />}>
      {best && <Stated cause={best} />}
      {analysis && !best && <NoClearCause analysis={analysis} />}
      <Words analysis={analysis} lineCount={lineCount} />
      {best && <Reasons cause={best} lineCount={lineCount} />}
      {props.failure && (
        <p class="note warn-text">
          <span aria-hidden="true">▲ </span>
          The last analysis broke off: {visible(props.failure)}
        </p>
      )}
      {others.length > 0 && <Others causes={others} lineCount={lineCount} />}
    </Panel>
  );
}

function Byline({ analysis, row }: { analysis: Analysis | null; row: IncidentRow }) {
  const best = analysis?.causes[0];
  const working = row.phase !== 'done' && row.phase !== 'failed';
  return (
    <span class="byline">
      {best && (
        <span title={CONFIDENCE_WORDS[best.confidence]}>
          confidence <span class={`confidence ${best.confidence}`}>{best.confidence}</span>
        </span>
      )}
      {analysis && (
        <span class="dim">
          {working ? 'so far by ' : 'by '}
          {author(analysis.summary.by)}
        </span>
      )}
    </span>
  );
}

function Stated({ cause }: { cause: StatedCause }) {
  return (
    <p class="verdict">
      <span class="verdict-cause">{causeWords(cause.cause)}</span>{' '}
      <span class="verdict-object">
        <span class="dim">{visible(cause.object.kind)}</span>{' '}
        <span class="mono">{objectName(cause.object)}</span>
      </span>
    </p>
  );
}

function NoClearCause({ analysis }: { analysis: Analysis }) {
  return (
    <p class="verdict">
      <span class="verdict-cause">No clear cause</span>{' '}
      <span class="dim">
        {count(analysis.ruled_out.length, 'candidate')} ruled out, {analysis.missing.length} not seen;
        the next checks are below
      </span>
    </p>
  );
}

/** The summary; while the model writes, its text as it comes. */
function Words({ analysis, lineCount }: { analysis: Analysis | null; lineCount: LineCount }) {
  const now = writing.value;
  const streaming = now !== null && now.phase !== 'done' && now.phase !== 'failed';
  const text = streaming && now.text ? now.text : (analysis?.summary.text ?? '');
  const inText = /\[E\d/.test(text);
  return (
    <>
      {text && (
        <p class="read" dir="auto">
          <Prose text={text} lineCount={lineCount} />
          {!streaming && !inText && analysis && analysis.summary.citations.length > 0 && (
            <>
              {' '}
              <Cites ids={analysis.summary.citations} lineCount={lineCount} />
            </>
          )}
        </p>
      )}
      {streaming && (
        <p class="phase" role="status">
          <span class="caret" aria-hidden="true" />
          {PHASE_WORDS[now.phase]}
          {now.detail && `: ${visible(now.detail)}`}
        </p>
      )}
    </>
  );
}

function Reasons({ cause, lineCount }: { cause: StatedCause; lineCount: LineCount }) {
  return (
    <dl class="reasons">
      <div>
        <dt>Evidence for</dt>
        <dd>{cause.because.length > 0 ? <Cites ids={cause.because} lineCount={lineCount} /> : 'none'}</dd>
      </div>
      <div>
        <dt>Evidence against</dt>
        <dd>{cause.against.length > 0 ? <Cites ids={cause.against} lineCount={lineCount} /> : 'none found'}</dd>
      </div>
    </dl>
  );
}

function Others({ causes, lineCount }: { causes: StatedCause[]; lineCount: LineCount }) {
  return (
    <>
      <h3>Also possible</h3>
      <ul class="plain">
        {causes.map((cause) => (
          <li key={`${cause.cause} ${objectName(cause.object)}`}>
            {causeWords(cause.cause)} <span class="mono dim">{objectName(cause.object)}</span>{' '}
            <span class={`confidence ${cause.confidence}`}>{cause.confidence}</span>{' '}
            <Cites ids={cause.because} lineCount={lineCount} />
          </li>
        ))}
      </ul>
    </>
  );
}
