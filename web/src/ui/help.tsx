// The help dialog: the keys that work, and the switch for letter keys.

import { useEffect, useRef } from 'preact/hooks';
import { KEYS, helpOpen } from '../keys';
import { letterKeys } from '../settings';

const SCREENS = { list: 'Incident list', incident: 'Incident', both: 'Everywhere' } as const;

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (helpOpen.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [helpOpen.value]);
  return (
    <dialog ref={dialog} aria-labelledby="help-title" onClose={() => (helpOpen.value = false)}>
      <header>
        <h2 id="help-title">Keyboard</h2>
        <button type="button" class="quiet" onClick={() => (helpOpen.value = false)}>
          Close
        </button>
      </header>
      <div class="keys">
        {(['list', 'incident', 'both'] as const).map((screen) => (
          <section key={screen}>
            <h3>{SCREENS[screen]}</h3>
            <dl>
              {KEYS.filter((key) => key.screen === screen).map((key) => (
                <div key={key.label}>
                  <dt>
                    <kbd>{key.label}</kbd>
                  </dt>
                  <dd>{key.does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={letterKeys.value === 'on'}
          onChange={(event) => (letterKeys.value = event.currentTarget.checked ? 'on' : 'off')}
        />
        Single keys act (Esc, Enter and arrows always do)
      </label>
    </dialog>
  );
}
