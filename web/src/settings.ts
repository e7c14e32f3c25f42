// What a reader chose, kept in the browser: theme, time zone, letter keys.

import { effect, signal } from '@preact/signals';
import type { Zone } from './time';

export type Theme = 'auto' | 'light' | 'dark' | 'contrast';
export const THEMES: readonly Theme[] = ['auto', 'light', 'dark', 'contrast'];

export const theme = signal<Theme>(stored('theme', THEMES, 'auto'));
export const zone = signal<Zone>(stored('zone', ['utc', 'local'], 'utc'));
export const letterKeys = signal<'on' | 'off'>(stored('keys', ['on', 'off'], 'on'));

function stored<T extends string>(key: string, allowed: readonly T[], fallback: T): T {
  try {
    const value = localStorage.getItem(`anchorite.${key}`) as T | null;
    return value && allowed.includes(value) ? value : fallback;
  } catch {
    return fallback; // Storage is switched off.
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(`anchorite.${key}`, value);
  } catch {
    // Storage is switched off; the choice holds until the page is left.
  }
}

/** Keeps choices and applies the theme from now on. */
export function startSettings(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const contrast = matchMedia('(prefers-contrast: more)');
  const systemTheme = signal(0);
  for (const query of [dark, contrast]) {
    query.addEventListener('change', () => (systemTheme.value += 1));
  }
  effect(() => {
    void systemTheme.value;
    const automatic = contrast.matches ? 'contrast' : dark.matches ? 'dark' : 'light';
    document.documentElement.dataset.theme = theme.value === 'auto' ? automatic : theme.value;
    store('theme', theme.value);
  });
  effect(() => store('zone', zone.value));
  effect(() => store('keys', letterKeys.value));
}
