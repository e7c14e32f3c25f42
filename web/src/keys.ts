// The keyboard: which key does what, on which screen.
//
// Letters never fire in a text field and can be switched off (WCAG 2.1.4).
// The help dialog lists exactly this table.

import { signal } from '@preact/signals';
import { clearReturn, goBack, stepCitation } from './jump';
import { incidentHash, listHash } from './route';
import { letterKeys, zone } from './settings';
import { lastFilter, list, loadList, opened, route } from './state';

export interface Key {
  keys: readonly string[];
  label: string;
  does: string;
  screen: 'list' | 'incident' | 'both';
  run: () => void;
}

export const helpOpen = signal(false);
/** Position of the selected row; -1 before the first key. */
export const selected = signal(-1);
/** The verdict chosen by key, for the feedback form to take up. */
export const chosenVerdict = signal<{ index: number } | null>(null);

export const KEYS: readonly Key[] = [
  { keys: ['j', 'ArrowDown'], label: 'j', does: 'next incident', screen: 'list', run: () => move(1) },
  { keys: ['k', 'ArrowUp'], label: 'k', does: 'previous incident', screen: 'list', run: () => move(-1) },
  { keys: ['Enter'], label: 'Enter', does: 'open the incident', screen: 'list', run: openSelected },
  { keys: ['/'], label: '/', does: 'search', screen: 'list', run: () => focus('search') },
  { keys: ['.'], label: '.', does: 'show new incidents', screen: 'list', run: () => void loadList() },
  { keys: ['Escape'], label: 'Esc', does: 'back to the list', screen: 'incident', run: toList },
  { keys: [']'], label: ']', does: 'next citation', screen: 'incident', run: () => stepCitation(1) },
  { keys: ['['], label: '[', does: 'previous citation', screen: 'incident', run: () => stepCitation(-1) },
  { keys: ['Backspace'], label: '⌫', does: 'back from the evidence', screen: 'incident', run: goBack },
  ...['right', 'wrong cause', 'wrong owner', 'not useful'].map((verdict, index): Key => ({
    keys: [String(index + 1)],
    label: String(index + 1),
    does: `feedback: ${verdict}`,
    screen: 'incident',
    run: () => (chosenVerdict.value = { index }),
  })),
  { keys: ['q'], label: 'q', does: 'ask about the incident', screen: 'incident', run: () => focus('ask') },
  { keys: ['t'], label: 't', does: 'UTC or local time', screen: 'both', run: toggleZone },
  { keys: ['?'], label: '?', does: 'this help', screen: 'both', run: () => (helpOpen.value = true) },
];

function move(step: number): void {
  const last = list.value.rows.length - 1;
  selected.value = Math.max(0, Math.min(last, selected.value + step));
  const row = document.querySelectorAll<HTMLElement>('[data-row]')[selected.value];
  row?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: 'nearest' });
}

function openSelected(): void {
  const row = list.value.rows[selected.value];
  if (row) location.hash = incidentHash(row.id);
}

function toList(): void {
  clearReturn();
  location.hash = listHash(lastFilter.value);
}

function focus(id: string): void {
  document.getElementById(id)?.focus();
}

function toggleZone(): void {
  zone.value = zone.value === 'utc' ? 'local' : 'utc';
}

function inTextField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]');
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (helpOpen.value) return; // The dialog closes itself on Escape.
  if (inTextField(event.target)) {
    if (event.key === 'Escape') (event.target as HTMLElement).blur();
    return;
  }
  if (event.key.length === 1 && letterKeys.value === 'off' && event.key !== '?') return;
  // A focused link or button already knows what Enter does.
  if (event.key === 'Enter' && event.target !== document.body) return;
  const screen = route.value.screen;
  if (screen === 'incident' && !opened.value) return;
  const key = KEYS.find(
    (candidate) =>
      candidate.keys.includes(event.key) &&
      (candidate.screen === 'both' || candidate.screen === screen),
  );
  if (!key) return;
  event.preventDefault();
  key.run();
}

/** Listens from now on. */
export function startKeys(): void {
  document.addEventListener('keydown', onKey);
}
