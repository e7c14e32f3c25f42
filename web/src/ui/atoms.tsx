// Small parts that both screens use.

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { zone } from '../settings';
import { now } from '../state';
import { placeOf, severityClass, visible } from '../text';
import { ago, clock, parse, stamp } from '../time';

const SHAPES = { crit: '◆', warn: '▲', info: '●' } as const;

/** Severity by shape, word and color. */
export function Severity({ severity, resolved }: { severity: string; resolved: boolean }) {
  const kind = severityClass(severity);
  return (
    <span class={`severity ${resolved ? 'calm' : kind}`}>
      <span class="shape" aria-hidden="true">
        {resolved ? '○' : SHAPES[kind]}
      </span>
      {visible(severity) || 'unknown'}
    </span>
  );
}

/** An instant, in the chosen zone; the other zone on hover. */
export function Time({ at, relative = false }: { at: string | null; relative?: boolean }) {
  const instant = parse(at);
  if (instant === null) return <span class="dim">time unknown</span>;
  const other = zone.value === 'utc' ? 'local' : 'utc';
  const title = `${stamp(instant, 0, other)}${other === 'local' ? ' local' : ''}`;
  return (
    <time dateTime={new Date(instant).toISOString()} title={title}>
      {stamp(instant, now.value, zone.value)}
      {relative && ` · ${ago(instant, now.value)}`}
    </time>
  );
}

/** The appliance's clock. */
export function Clock() {
  return <span class="num">{clock(now.value, zone.value)}</span>;
}

/** A text and a button that copies it. */
export function Copy({ text, label, words = 'Copy' }: { text: string; label: string; words?: string }) {
  const state = useSignal<'copy' | 'copied' | 'select'>('copy');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      state.value = 'copied';
    } catch {
      state.value = 'select'; // No clipboard without TLS; the text can be selected.
    }
    window.setTimeout(() => (state.value = 'copy'), 1500);
  };
  const shown = { copy: words, copied: 'Copied', select: 'Select it by hand' };
  return (
    <button type="button" class="quiet" aria-label={`Copy ${label}`} onClick={() => void copy()}>
      {shown[state.value]}
    </button>
  );
}

/** A command to read and copy; it is never run here. */
export function Command({ command, label }: { command: string; label: string }) {
  return (
    <div class="command">
      <code tabIndex={0} role="group" aria-label={label}>
        {visible(command)}
      </code>
      <Copy text={command} label={label} />
    </div>
  );
}

/** Where something is: its kind and full name. */
export function Place({ namespace, workload }: { namespace: string; workload: string }) {
  const { kind, name } = placeOf(namespace, workload);
  return (
    <>
      {kind && <span class="dim">{kind} </span>}
      <span class="mono">{name}</span>
    </>
  );
}

/** A titled part of a screen. */
export function Panel({
  id,
  title,
  aside,
  class: extra = '',
  children,
}: {
  id: string;
  title: string;
  aside?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}) {
  return (
    <section class={`panel ${extra}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
