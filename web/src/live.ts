// The event stream: connects, resumes, and knows whether it is alive.
//
// `EventSource` would reconnect by itself, but hides for how long it has been
// away and gives up for good on an error answer. So each connection is opened
// by hand, from the last sequence number seen.

import type { ConsoleEvent, EventKind } from './api';

export type LinkState =
  | { state: 'connecting' }
  | { state: 'live' }
  | { state: 'waiting'; until: number; since: number };

/** Three heartbeats of 15 s, less one second. */
const SILENCE_MAX_MS = 44_000;
/** A tab nobody looks at gives its connection back after this long. */
const HIDDEN_MAX_MS = 30_000;
const BACKOFF_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];
const KINDS: readonly EventKind[] = ['incident', 'analysis', 'feedback', 'status', 'reset'];

export interface LiveHandlers {
  seq: () => number;
  event: (event: ConsoleEvent) => void;
  heartbeat: () => void;
  link: (link: LinkState) => void;
}

/** Follows the stream until the page is left. */
export class Live {
  private source: EventSource | null = null;
  private silence = 0;
  private retry = 0;
  private hidden = 0;
  private failures = 0;
  private lastHeard = Date.now();

  constructor(private readonly handlers: LiveHandlers) {
    document.addEventListener('visibilitychange', () => this.visibilityChanged());
  }

  /** Opens a connection, replacing the one there is. */
  connect(): void {
    this.close();
    this.handlers.link({ state: 'connecting' });
    const source = new EventSource(`/api/v1/events?since=${this.handlers.seq()}`);
    this.source = source;
    source.addEventListener('heartbeat', () => {
      this.heard();
      this.handlers.heartbeat();
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, (message) => {
        this.heard();
        this.handlers.event(JSON.parse((message as MessageEvent<string>).data) as ConsoleEvent);
      });
    }
    source.addEventListener('error', () => this.lost());
    this.watchSilence();
  }

  /** Tries again at once. */
  retryNow(): void {
    this.failures = 0;
    this.connect();
  }

  private heard(): void {
    this.failures = 0;
    this.lastHeard = Date.now();
    this.handlers.link({ state: 'live' });
    this.watchSilence();
  }

  private watchSilence(): void {
    window.clearTimeout(this.silence);
    this.silence = window.setTimeout(() => this.lost(), SILENCE_MAX_MS);
  }

  private lost(): void {
    this.close();
    const delay = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)] ?? 15_000;
    this.failures += 1;
    this.handlers.link({ state: 'waiting', until: Date.now() + delay, since: this.lastHeard });
    this.retry = window.setTimeout(() => this.connect(), delay);
  }

  private close(): void {
    this.source?.close();
    this.source = null;
    window.clearTimeout(this.silence);
    window.clearTimeout(this.retry);
  }

  // Browsers allow few connections to one host over HTTP/1.1; hidden tabs
  // must not use them up.
  private visibilityChanged(): void {
    window.clearTimeout(this.hidden);
    if (document.hidden) {
      this.hidden = window.setTimeout(() => this.close(), HIDDEN_MAX_MS);
    } else if (!this.source) {
      this.retryNow();
    }
  }
}
