// What the list says when there is nothing in it.

import { NO_FILTER, listHash } from '../route';
import { Copy } from './atoms';

/** What to put into Alertmanager's configuration to reach this appliance. */
export function alertmanagerSnippet(origin: string): string {
  return `receivers:
  - name: anchorite
    webhook_configs:
      - url: ${origin}/api/v1/alertmanager
        send_resolved: true
route:
  routes:
    - receiver: anchorite
      continue: true
`;
}

export function FirstRun() {
  const snippet = alertmanagerSnippet(location.origin);
  return (
    <div class="empty">
      <p class="strong">No alert has come in yet</p>
      <p>
        Point Alertmanager here. Its first notification appears in this list by itself.
      </p>
      <div class="snippet">
        <header>
          <span class="dim">alertmanager.yml</span>
          <Copy text={snippet} label="the Alertmanager configuration" />
        </header>
        <pre tabIndex={0} role="region" aria-label="Alertmanager configuration">
          {snippet}
        </pre>
      </div>
      <p class="dim">
        Where authentication is on, add http_config with authorization and the token of the receiver.
      </p>
    </div>
  );
}

export function NothingFound() {
  return (
    <div class="empty">
      <p class="strong">Nothing matches</p>
      <p>
        <a href={listHash(NO_FILTER)}>Clear the filter</a>
      </p>
    </div>
  );
}
