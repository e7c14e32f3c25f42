// A failure: what it is, and what to do next from its embedded page.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Problem, api } from '../api';
import { visible } from '../text';

/** The part of an error page that says what to do. */
export function whatToDo(page: string): string {
  return page.split('## What to do')[1]?.trim().replaceAll('`', '') ?? '';
}

export function ProblemPanel({ problem, retry }: { problem: Problem; retry: () => void }) {
  const advice = useSignal('');
  useEffect(() => {
    advice.value = '';
    if (problem.code === 'unreachable') {
      advice.value =
        'Check that the appliance runs and that this computer reaches it. The console tries again by itself.';
      return;
    }
    api
      .errorPage(problem.code)
      .then((page) => (advice.value = whatToDo(page)))
      .catch(() => (advice.value = ''));
  }, [problem.code]);
  return (
    <div class="problem" role="alert">
      <p class="strong">{visible(problem.title)}</p>
      <p>{visible(problem.detail)}</p>
      {advice.value && <p class="advice">{visible(advice.value)}</p>}
      <p class="row">
        <button type="button" onClick={retry}>
          Try again
        </button>
        <code class="dim">{visible(problem.code)}</code>
      </p>
    </div>
  );
}
