// Times and durations in words. Pure: `now` is an argument.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const two = (value: number): string => String(value).padStart(2, '0');

/** `14 min`, `3 h 12 min`, `3 d 4 h`: two units at most, never negative. */
export function duration(milliseconds: number): string {
  const span = Math.max(0, milliseconds);
  if (span < MINUTE) return `${Math.floor(span / SECOND)} s`;
  if (span < HOUR) return `${Math.floor(span / MINUTE)} min`;
  if (span < DAY) return pair(span, HOUR, 'h', MINUTE, 'min');
  return pair(span, DAY, 'd', HOUR, 'h');
}

/** Like `duration`, with seconds below an hour: `3 min 27 s`. */
export function preciseDuration(milliseconds: number): string {
  const span = Math.max(0, milliseconds);
  if (span >= MINUTE && span < HOUR) return pair(span, MINUTE, 'min', SECOND, 's');
  return duration(span);
}

function pair(span: number, big: number, bigName: string, small: number, smallName: string) {
  const rest = Math.floor((span % big) / small);
  const head = `${Math.floor(span / big)} ${bigName}`;
  return rest === 0 ? head : `${head} ${rest} ${smallName}`;
}

/** `14 min ago`, `just now`. */
export function ago(then: number, now: number): string {
  const span = now - then;
  return span < SECOND ? 'just now' : `${duration(span)} ago`;
}

/** How a change lies to the onset: `3 min 27 s before onset`. */
export function relativeToOnset(change: number, onset: number): string {
  const span = onset - change;
  if (Math.abs(span) < SECOND) return 'at onset';
  return span > 0
    ? `${preciseDuration(span)} before onset`
    : `${preciseDuration(-span)} after onset`;
}

export type Zone = 'utc' | 'local';

/** `02:11:31Z` or the browser's local time of day. */
export function clock(instant: number, zone: Zone): string {
  const date = new Date(instant);
  if (zone === 'utc') {
    return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}Z`;
  }
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** The day and the time of day; the day is left out when it is `now`'s. */
export function stamp(instant: number, now: number, zone: Zone): string {
  const day = dayOf(instant, zone);
  return day === dayOf(now, zone) ? clock(instant, zone) : `${day} ${clock(instant, zone)}`;
}

function dayOf(instant: number, zone: Zone): string {
  const date = new Date(instant);
  return zone === 'utc'
    ? `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`
    : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Milliseconds since the epoch, or null for absent and unreadable times. */
export function parse(time: string | null | undefined): number | null {
  if (!time) return null;
  const instant = Date.parse(time);
  return Number.isNaN(instant) ? null : instant;
}

/** `0.4 s`, `12 s`, `85 ms`: for what an analysis cost. */
export function cost(milliseconds: number): string {
  if (milliseconds < 100) return `${milliseconds} ms`;
  if (milliseconds < 10_000) return `${(milliseconds / SECOND).toFixed(1)} s`;
  return preciseDuration(milliseconds);
}
