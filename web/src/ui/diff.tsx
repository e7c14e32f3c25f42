// Lines of a diff, told apart by sign, bar and color.

import { diffSide, visible } from '../text';

export function Diff({ lines }: { lines: string[] }) {
  if (lines.length === 0) return null;
  return (
    <pre class="diff" tabIndex={0} role="group" aria-label="What changed">
      {lines.map((line, index) => (
        <span key={index} class={diffSide(line)}>
          {`${visible(line)}\n`}
        </span>
      ))}
    </pre>
  );
}
