// The frame around the two screens.

import { useEffect, useRef } from 'preact/hooks';
import { selected } from '../keys';
import { announcement, opened, route, status } from '../state';
import { visible } from '../text';
import { Header, Notices } from './header';
import { Help } from './help';
import { IncidentScreen } from './incident';
import { ListScreen } from './list';

/** Puts focus and scroll where a reader of the new screen begins. */
function useFocus(id: string): void {
  const before = useRef(id);
  useEffect(() => {
    if (before.current === id) return;
    before.current = id;
    if (id) {
      window.scrollTo(0, 0);
      document.getElementById('main')?.focus({ preventScroll: true });
      return;
    }
    // Back in the list: the row that was opened.
    const row = document.querySelectorAll<HTMLElement>('[data-row]')[selected.value];
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: 'center' });
  }, [id]);
}

export function App() {
  const screen = route.value.screen;
  const title = opened.value?.detail?.incident.title;
  useEffect(() => {
    document.title = title ? `${visible(title)} · Anchorite` : 'Incidents · Anchorite';
  }, [title]);
  useFocus(screen === 'incident' ? (opened.value?.id ?? '') : '');
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
        {status.value && `Anchorite ${visible(status.value.version)}`}
      </footer>
      <Help />
    </>
  );
}
