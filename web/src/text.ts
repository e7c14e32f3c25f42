// Words for identifiers, and untrusted text made visible.

import type { Confidence, ObjectRef, Phase, Risk, Verdict } from './api';

// Colour and cursor sequences of terminals carry no meaning here.
const ANSI = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;
// Controls other than tab and line feed, and characters that reorder or hide
// the text around them.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;

/** Text whose control and direction characters can be seen, as `⟨U+202E⟩`. */
export function visible(text: string): string {
  return text.replace(ANSI, '').replace(HIDDEN, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return `⟨U+${code}⟩`;
  });
}

/** `LivenessProbeWrongPort` as `Liveness probe wrong port`; acronyms stay. */
export function causeWords(cause: string): string {
  const words = cause
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(' ')
    .map((word, index) => {
      if (/^[A-Z0-9]{2,}$/.test(word)) return word;
      return index === 0 ? word : word.toLowerCase();
    });
  return visible(words.join(' '));
}

/** `namespace/name`, or the name of a cluster-scoped object. */
export function objectName(object: ObjectRef): string {
  return visible(object.namespace ? `${object.namespace}/${object.name}` : object.name);
}

/** `1 alert`, `6 alerts`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en-US').replaceAll(',', ' ')} ${noun}${number === 1 ? '' : 's'}`;
}

/** Who wrote the summary. */
export function author(by: string): string {
  const one = (who: string) =>
    who.startsWith('model:') ? `model ${visible(who.slice('model:'.length))}` : 'rules';
  return by.split(', ').map(one).join(' and ');
}

/** `Deployment/ads` in a namespace as its kind and its full name. */
export function placeOf(namespace: string, workload: string): { kind: string; name: string } {
  const slash = workload.indexOf('/');
  const kind = slash < 0 ? '' : workload.slice(0, slash);
  const name = [namespace, workload.slice(slash + 1)].filter(Boolean).join('/');
  return { kind: visible(kind), name: visible(name) };
}

export type SeverityClass = 'crit' | 'warn' | 'info';

/** The three marks of the console; a site's own words count as info. */
export function severityClass(severity: string): SeverityClass {
  const word = severity.toLowerCase();
  if (['critical', 'crit', 'page', 'error', 'emergency', 'fatal'].includes(word)) return 'crit';
  return ['warning', 'warn', 'major', 'minor'].includes(word) ? 'warn' : 'info';
}

export const PHASE_WORDS: Record<Phase, string> = {
  queued: 'waiting for its turn',
  collecting: 'collecting evidence',
  reading: 'reading the evidence',
  writing: 'writing',
  done: 'analysis ready',
  failed: 'analysis broke off',
};

export const CONFIDENCE_WORDS: Record<Confidence, string> = {
  high: 'The cluster itself says so.',
  medium: 'Likely; one more check settles it.',
  low: 'A hint; look before acting.',
};

export const RISK_WORDS: Record<Risk, string> = {
  low: 'touches one workload',
  medium: 'touches traffic or several workloads',
  high: 'data or the cluster may be lost',
};

export const VERDICTS: readonly (readonly [Verdict, string])[] = [
  ['accepted', 'Yes'],
  ['wrong_cause', 'Wrong cause'],
  ['wrong_owner', 'Wrong owner'],
  ['not_useful', 'Not useful'],
];

export const verdictWords = (verdict: Verdict): string =>
  VERDICTS.find(([name]) => name === verdict)?.[1] ?? verdict;

/** Only plain web addresses become links; anything else stays text. */
export function webAddress(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}

export type DiffSide = 'added' | 'removed' | 'same';

/** Which side of a diff a line is on. */
export function diffSide(line: string): DiffSide {
  if (/^[+](?![+]{2} )/.test(line)) return 'added';
  if (/^[-−](?!-{2} )/.test(line)) return 'removed';
  return 'same';
}
