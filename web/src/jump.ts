// Jumps from a citation to its evidence and back.
//
// The address carries the focus, so that every piece of evidence and every
// line can be linked to. The element that was left is remembered.

import { signal } from '@preact/signals';
import { incidentHash } from './route';
import { opened } from './state';

/** Evidence under the pointer, lit in the rail. */
export const lit = signal<string | null>(null);
/** Whether there is a place to go back to. */
export const canReturn = signal(false);

let origin: HTMLElement | null = null;
let current = -1;

/** Remembers where the reader is, then goes to `focus` (`E4`, `E4:L3-L5`). */
export function jumpTo(focus: string, from: HTMLElement | null): void {
  const incident = opened.value;
  if (!incident) return;
  origin = from;
  canReturn.value = from !== null;
  const hash = incidentHash(incident.id, focus);
  if (location.hash === hash) window.dispatchEvent(new HashChangeEvent('hashchange'));
  else location.hash = hash;
}

/** Returns to where the last jump began. */
export function goBack(): void {
  if (!origin) return;
  origin.scrollIntoView({ block: 'center' });
  origin.focus({ preventScroll: true });
  clearReturn();
}

/** Forgets where the last jump began. */
export function clearReturn(): void {
  origin = null;
  canReturn.value = false;
}

/** Focuses the next or previous citation and shows its evidence. */
export function stepCitation(step: number): void {
  const citations = [...document.querySelectorAll<HTMLElement>('[data-citation]')];
  if (citations.length === 0) return;
  const focused = citations.indexOf(document.activeElement as HTMLElement);
  const from = focused >= 0 ? focused : current;
  current = (from + step + citations.length) % citations.length;
  const citation = citations[current];
  citation?.focus();
  citation?.click();
}
