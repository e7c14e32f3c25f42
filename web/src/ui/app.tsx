// The frame around the two screens.

import { announcement, opened, route, status } from '../state';
import { visible } from '../text';
import { Header, Notices } from './header';
import { Help } from './help';
import { IncidentScreen } from './incident';
import { ListScreen } from './list';
import { useEffect } from 'preact/hooks';

export function App() {
  const screen = route.value.screen;
  const title = opened.value?.detail?.incident.title;
  useEffect(() => {
    document.title = title ? `${visible(title)} · Anchorite` : 'Incidents · Anchorite';
  }, [title]);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault(); // The hash belongs to the routes.
          document.getElementById('main')?.focus();
        }}
      >
        Skip to content
      </a>
      <Header />
      <Notices />
      <main id="main" tabIndex={-1}>
        {screen === 'list' ? <ListScreen /> : <IncidentScreen />}
      </main>
      <p class="sr" role="status" aria-live="polite">
        {announcement.value}
      </p>
      <footer class="foot">
        {status.value && `Anchorite ${visible(status.value.version)} · nothing leaves this site`}
      </footer>
      <Help />
    </>
  );
}
