// The evidence rail: everything cited, by id, with its lines.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Analysis, Evidence, EvidenceKind } from '../api';
import { citationLabel, parseCitation } from '../citations';
import { canReturn, goBack, jumpTo, lit } from '../jump';
import { count, diffSide, objectName, visible } from '../text';
import { Command, Time } from './atoms';
import { lineCounter } from './cite';

/** Lines shown before asking for the rest. */
const LINES_SHOWN = 200;

const KIND_FILTERS: readonly (readonly [string, readonly EvidenceKind[]])[] = [
  ['Logs', ['log']],
  ['Events', ['event', 'alert']],
  ['State', ['status', 'spec', 'change']],
  ['Metrics', ['metric', 'probe']],
];

export function EvidenceRail({ analysis, focus }: { analysis: Analysis; focus: string | null }) {
  const filter = useSignal(-1);
  const cited = focus ? parseCitation(focus, lineCounter(analysis)) : null;
  const kinds = KIND_FILTERS[filter.value]?.[1];
  const items = analysis.evidence.filter(
    (item) => !kinds || kinds.includes(item.kind) || item.id === cited?.evidence,
  );
  return (
    <section class="rail" aria-labelledby="evidence-title">
      <header>
        <h2 id="evidence-title">
          Evidence <span class="num dim">{analysis.evidence.length}</span>
        </h2>
        <div class="segments" role="group" aria-label="Kind of evidence">
          {[['All'] as const, ...KIND_FILTERS].map(([label], index) => (
            <button
              key={label}
              type="button"
              aria-pressed={filter.value === index - 1}
              onClick={() => (filter.value = index - 1)}
            >
              {label}
            </button>
          ))}
        </div>
      </header>
      {cited && !cited.valid && (
        <p class="dim note">{visible(citationLabel(cited))} is not in this analysis.</p>
      )}
      {items.length === 0 && <p class="dim note">No evidence of this kind.</p>}
      <ol class="evidence">
        {items.map((item) => (
          <Item
            key={item.id}
            item={item}
            lines={cited?.evidence === item.id ? (cited.lines ?? 'all') : null}
          />
        ))}
      </ol>
    </section>
  );
}

/** One piece; `lines` is `all` or the cited range while it is in focus. */
function Item({ item, lines }: { item: Evidence; lines: readonly [number, number] | 'all' | null }) {
  const open = useSignal(false);
  const element = useRef<HTMLLIElement>(null);
  const focused = lines !== null;
  const key = lines === null ? '' : String(lines);
  useEffect(() => {
    if (focused) open.value = true;
  }, [focused, key]);
  useEffect(() => {
    if (!focused || !open.value) return;
    const frame = requestAnimationFrame(() => reveal(element.current));
    return () => cancelAnimationFrame(frame);
  }, [focused, key, open.value]);
  const classes = [
    'item',
    focused && 'focused',
    lit.value === item.id && 'lit',
    open.value && 'open',
  ];
  return (
    <li ref={element} id={item.id} class={classes.filter(Boolean).join(' ')}>
      <button
        type="button"
        class="item-head"
        aria-expanded={open.value}
        onClick={() => (open.value = !open.value)}
      >
        <span class="id mono">{item.id}</span>
        <span class="kind">{item.kind}</span>
        <span class={open.value ? 'item-title' : 'item-title clip'}>{visible(item.title)}</span>
        <span class="item-time num">{item.at && <Time at={item.at} />}</span>
      </button>
      {open.value && (
        <div class="item-body">
          <p class="item-object">
            <span class="dim">{visible(item.object.kind)}</span>{' '}
            <span class="mono">{objectName(item.object)}</span>
            {focused && canReturn.value && (
              <button type="button" class="quiet back" onClick={goBack}>
                ↩ back to the text
              </button>
            )}
          </p>
          <Lines item={item} cited={lines === 'all' ? null : lines} />
          {item.truncated && <p class="dim note">cut: {visible(item.truncated)}</p>}
          {item.query && <Command command={item.query} label={`query of ${item.id}`} />}
        </div>
      )}
    </li>
  );
}

/** Brings an item to the top of the rail and its cited line into its box. */
function reveal(item: HTMLElement | null): void {
  const rail = item?.closest<HTMLElement>('.rail');
  if (!item || !rail) return;
  // Beside the report only the rail scrolls; below it, the page does.
  if (getComputedStyle(rail).overflowY === 'auto') {
    const header = rail.querySelector('header')?.offsetHeight ?? 0;
    rail.scrollTop += item.getBoundingClientRect().top - rail.getBoundingClientRect().top - header;
  } else {
    item.scrollIntoView({ block: 'start' });
  }
  const line = item.querySelector('.line.cited');
  const box = item.querySelector('.lines');
  if (line && box) {
    const margin = box.clientHeight / 3;
    box.scrollTop += line.getBoundingClientRect().top - box.getBoundingClientRect().top - margin;
  }
}

function Lines({ item, cited }: { item: Evidence; cited: readonly [number, number] | null }) {
  const all = useSignal(false);
  if (item.lines.length === 0) return null;
  const limit = all.value ? item.lines.length : Math.max(LINES_SHOWN, cited?.[1] ?? 0);
  const isDiff = item.kind === 'change' || item.kind === 'spec';
  return (
    <>
      <div class="lines mono" tabIndex={0} role="group" aria-label={`Lines of ${item.id}`}>
        {item.lines.slice(0, limit).map((line, index) => {
          const number = index + 1;
          const hit = cited !== null && number >= cited[0] && number <= cited[1];
          const side = isDiff ? diffSide(line) : 'same';
          return (
            <div key={number} class={`line ${side} ${hit ? 'cited' : ''}`}>
              <button
                type="button"
                class="number num"
                aria-label={`Link to line ${number} of ${item.id}`}
                onClick={() => jumpTo(`${item.id}:L${number}`, null)}
              >
                {number}
              </button>
              <span>{visible(line)}</span>
            </div>
          );
        })}
      </div>
      {item.lines.length > limit && (
        <button type="button" class="quiet" onClick={() => (all.value = true)}>
          Show {count(item.lines.length - limit, 'more line')}
        </button>
      )}
    </>
  );
}
