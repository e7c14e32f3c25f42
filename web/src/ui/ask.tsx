// Follow-up questions about the incident on the screen.
//
// Answers come from its analysis; who gave each is shown beside it. They are
// kept while the incident is open, not longer.

import { useSignal } from '@preact/signals';
import { type Answer, Problem, api } from '../api';
import type { LineCount } from '../citations';
import { visible } from '../text';
import { Panel } from './atoms';
import { Prose } from './cite';

const EXAMPLES = ['What changed?', 'Why not the database?', 'What should I check next?', 'Is it still happening?'];

export function Ask({ id, lineCount }: { id: string; lineCount: LineCount }) {
  const question = useSignal('');
  const asked = useSignal<{ question: string; answer: Answer }[]>([]);
  const waiting = useSignal(false);
  const problem = useSignal('');

  const ask = async (words: string) => {
    if (!words || waiting.value) return;
    waiting.value = true;
    problem.value = '';
    try {
      const answer = await api.ask(id, words);
      asked.value = [...asked.value, { question: words, answer }];
      question.value = '';
    } catch (error) {
      problem.value = error instanceof Problem ? error.detail : String(error);
    } finally {
      waiting.value = false;
    }
  };

  return (
    <Panel id="ask-title" title="Ask about this incident" aside={<span class="dim">read-only</span>} class="ask">
      <ol class="plain" aria-live="polite">
        {asked.value.map(({ question: words, answer }, index) => (
          <li key={index}>
            <p class="strong">{visible(words)}</p>
            <p class={answer.declined ? 'dim' : ''}>
              <Prose text={answer.text} lineCount={lineCount} />{' '}
              <span class="dim">{author(answer)}</span>
            </p>
          </li>
        ))}
      </ol>
      <form
        class="feedback-line"
        onSubmit={(event) => {
          event.preventDefault();
          void ask(question.value.trim());
        }}
      >
        <input
          id="ask"
          aria-label="Question about this incident"
          placeholder="Ask from its evidence"
          autocomplete="off"
          maxLength={500}
          value={question.value}
          onInput={(event) => (question.value = event.currentTarget.value)}
        />
        <button type="submit" disabled={waiting.value || !question.value.trim()}>
          {waiting.value ? 'Asking' : 'Ask'}
        </button>
      </form>
      {asked.value.length === 0 && (
        <p class="examples">
          {EXAMPLES.map((example) => (
            <button key={example} type="button" class="quiet" onClick={() => void ask(example)}>
              {example}
            </button>
          ))}
        </p>
      )}
      {problem.value && (
        <p role="alert" class="warn-text">
          ▲ {visible(problem.value)}
        </p>
      )}
    </Panel>
  );
}

function author({ by, declined }: Answer): string {
  if (declined) return '';
  return by.startsWith('model:') ? `answered by the model ${visible(by.slice(6))}` : 'answered by rules';
}
