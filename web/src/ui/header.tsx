// The header: the facts that must always be in sight, on one line, and the
// strip that says what does not work.

import { theme, THEMES, type Theme, zone } from '../settings';
import { helpOpen } from '../keys';
import { lastFilter, link, list, now, reconnect, status } from '../state';
import { listHash } from '../route';
import { count, visible } from '../text';
import { clock, duration } from '../time';
import { Clock } from './atoms';

/** Reconnecting for longer than this is called stale. */
const STALE_MS = 20_000;

function Stream() {
  const state = link.value;
  if (state.state === 'live') {
    return <Fact name="stream" state="calm" words={`live · seq ${list.value.seq}`} />;
  }
  if (state.state === 'connecting') return <Fact name="stream" state="calm" words="connecting" />;
  const away = Date.now() - state.since;
  const words =
    away > STALE_MS
      ? `stale since ${clock(state.since, zone.value)}`
      : `reconnecting ${duration(state.until - Date.now())}`;
  void now.value; // Once a second.
  return (
    <span class="fact">
      <Fact name="stream" state="warn" words={words} />
      <button type="button" class="quiet" onClick={reconnect}>
        Now
      </button>
    </span>
  );
}

function Model() {
  const model = status.value?.model;
  if (!model) return null;
  if (model.state === 'off') return <Fact name="model" state="calm" words="off · rules only" />;
  const speed = model.tokens_per_second;
  const words = {
    ready: speed ? `ready · ${Math.round(speed)} tok/s` : 'ready',
    loading: 'loading',
    failed: 'failed',
  }[model.state];
  return (
    <Fact
      name="model"
      state={model.state === 'failed' ? 'warn' : 'calm'}
      words={words}
      title={visible([model.name, model.detail].filter(Boolean).join(': '))}
    />
  );
}

function Egress() {
  const egress = status.value?.egress;
  if (!egress) return null;
  const refused = egress.refused_total;
  return (
    <Fact
      name="egress"
      state={refused > 0 ? 'warn' : 'calm'}
      words={refused > 0 ? `${refused} refused` : '0 outside'}
      title={`${count(egress.allowed_total, 'connection')} to allowed addresses, ${refused} to others refused`}
    />
  );
}

function Fact(props: { name: string; state: 'calm' | 'warn'; words: string; title?: string }) {
  return (
    <span class={`fact ${props.state}`} title={props.title}>
      <span class="fact-name">{props.name}</span>
      {props.state === 'warn' && (
        <span class="shape" aria-hidden="true">
          ▲
        </span>
      )}
      <span class="num">{props.words}</span>
    </span>
  );
}

const THEME_WORDS: Record<Theme, string> = {
  auto: 'System',
  light: 'Light',
  dark: 'Dark',
  contrast: 'High contrast',
};

export function Header() {
  const report = status.value;
  return (
    <header class="top">
      <a class="brand" href={listHash(lastFilter.value)}>
        <svg viewBox="0 0 32 32" width="20" height="20" aria-hidden="true">
          <path d="M7 28V13a9 9 0 0 1 18 0v15z" />
          <path class="cross" d="M16 14v8M12.5 18h7" />
        </svg>
        Anchorite
      </a>
      {report?.cluster && <span class="cluster">{visible(report.cluster)}</span>}
      <span class="spring" />
      <Stream />
      <Model />
      {report && report.queue.waiting > 0 && (
        <Fact name="queue" state="calm" words={`${report.queue.waiting} waiting`} />
      )}
      <Egress />
      <Clock />
      <label class="theme">
        <span class="sr">Theme</span>
        <select
          value={theme.value}
          onChange={(event) => (theme.value = event.currentTarget.value as Theme)}
        >
          {THEMES.map((name) => (
            <option key={name} value={name}>
              {THEME_WORDS[name]}
            </option>
          ))}
        </select>
      </label>
      <button type="button" class="quiet" aria-label="Keyboard help" onClick={() => (helpOpen.value = true)}>
        ?
      </button>
    </header>
  );
}

/** What does not work, in words; nothing when everything does. */
export function Notices() {
  const report = status.value;
  const notices: string[] = [];
  for (const source of report?.sources ?? []) {
    if (source.condition !== 'down' && source.condition !== 'degraded') continue;
    const since = source.since ? ` since ${clock(Date.parse(source.since), zone.value)}` : '';
    const how = source.condition === 'down' ? 'unreachable' : 'slow or partial';
    notices.push(`${source.name} ${how}${since}${source.detail ? `: ${source.detail}` : ''}`);
  }
  if (report?.intake.watchdog_late) {
    const at = report.intake.watchdog_at;
    const since = at ? `since ${clock(Date.parse(at), zone.value)}` : 'yet';
    notices.push(`no Watchdog alert ${since}: Alertmanager may not reach this appliance`);
  }
  if (report?.model.state === 'loading') {
    notices.push(`model still loading${report.model.detail ? `: ${report.model.detail}` : ''}; rules answer meanwhile`);
  }
  if (report?.model.state === 'failed') {
    notices.push(`model failed${report.model.detail ? `: ${report.model.detail}` : ''}; rules answer alone`);
  }
  if (notices.length === 0) return null;
  return (
    <ul class="notices" aria-label="What does not work">
      {notices.map((notice) => (
        <li key={notice}>
          <span class="shape" aria-hidden="true">
            ▲
          </span>
          {visible(notice)}
        </li>
      ))}
    </ul>
  );
}
