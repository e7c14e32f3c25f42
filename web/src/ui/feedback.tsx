// Was this right? One verdict, one line.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type FeedbackEntry, Problem, type Verdict, api } from '../api';
import { chosenVerdict } from '../keys';
import { loadIncident } from '../state';
import { VERDICTS, verdictWords, visible } from '../text';
import { Panel, Time } from './atoms';

export function Feedback({ id, given }: { id: string; given: FeedbackEntry[] }) {
  const verdict = useSignal<Verdict | null>(null);
  const comment = useSignal('');
  const state = useSignal<'idle' | 'sending' | 'thanks'>('idle');
  const problem = useSignal('');
  const field = useRef<HTMLInputElement>(null);

  const choose = (choice: Verdict) => {
    verdict.value = choice;
    state.value = 'idle';
    field.current?.focus();
  };
  useEffect(() => {
    const choice = chosenVerdict.value && VERDICTS[chosenVerdict.value.index]?.[0];
    chosenVerdict.value = null;
    if (choice) choose(choice);
  }, [chosenVerdict.value]);

  const send = async (event: Event) => {
    event.preventDefault();
    if (!verdict.value || state.value === 'sending') return;
    state.value = 'sending';
    problem.value = '';
    try {
      await api.feedback(id, verdict.value, comment.value.trim());
      verdict.value = null;
      comment.value = '';
      state.value = 'thanks';
      await loadIncident(id);
    } catch (error) {
      state.value = 'idle';
      problem.value = error instanceof Problem ? error.detail : String(error);
    }
  };

  return (
    <Panel id="feedback-title" title="Was this right?" class="feedback">
      <form onSubmit={(event) => void send(event)}>
        <div class="segments" role="group" aria-label="Verdict">
          {VERDICTS.map(([choice, words], index) => (
            <button
              key={choice}
              type="button"
              aria-pressed={verdict.value === choice}
              onClick={() => choose(choice)}
            >
              {words} <kbd>{index + 1}</kbd>
            </button>
          ))}
        </div>
        <div class="feedback-line">
          <input
            ref={field}
            aria-label="Comment, one line"
            placeholder="One line, if you like"
            autocomplete="off"
            maxLength={2000}
            value={comment.value}
            onInput={(event) => (comment.value = event.currentTarget.value)}
          />
          <button type="submit" disabled={!verdict.value || state.value === 'sending'}>
            Send
          </button>
        </div>
      </form>
      <p role="status" class="dim">
        {state.value === 'thanks' && 'Stored.'}
      </p>
      {problem.value && (
        <p role="alert" class="warn-text">
          ▲ {visible(problem.value)}
        </p>
      )}
      {given.length > 0 && (
        <ul class="plain">
          {given.map((entry, index) => (
            <li key={index}>
              <span class="strong">{verdictWords(entry.verdict)}</span> {visible(entry.comment)}{' '}
              <span class="dim num">
                <Time at={entry.at} relative />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
