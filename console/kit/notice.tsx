/** What stands where there is nothing to show: still loading, empty, or not possible, and then what to do. */
import type { ComponentChildren } from 'preact';
import type { Problem } from './client.ts';
import type { Live } from './live.ts';
import { Foreign, sentence } from './text.tsx';

export function Loading({ what }: { what: string }) {
  return (
    <div class="stack" role="status">
      <span class="hidden">Loading {what}…</span>
      <div class="skeleton tall" />
      <div class="skeleton tall" />
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="card empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** What is not forbidden, and yet somebody should know before going on. */
export function WarningList({ warnings }: { warnings: readonly string[] }) {
  if (warnings.length === 0) return null;
  return (
    <ul class="note warn">
      {warnings.map((warning) => (
        <li key={warning}>
          <Foreign text={sentence(warning)} />
        </li>
      ))}
    </ul>
  );
}

/** A problem in its own words, with its hint and every field that it names. */
export function ProblemNote({ problem, again }: { problem: Problem; again?: () => void }) {
  return (
    <div class="note bad stack tight" role="alert">
      <p>
        <strong>
          <Foreign text={sentence(problem.message)} />
        </strong>
      </p>
      {problem.errors.length > 0 && (
        <ul>
          {problem.errors.map(({ path, message }) => (
            <li key={path + message}>
              <code>{path}</code> <Foreign text={message} />
            </li>
          ))}
        </ul>
      )}
      {problem.hint !== undefined && (
        <p>
          <Foreign text={sentence(problem.hint)} />
        </p>
      )}
      <p class="small soft row">
        <span>
          {problem.code}
          {problem.requestId !== undefined && ` · request ${problem.requestId}`}
        </span>
        {again && (
          <button type="button" class="button tiny" onClick={again}>
            Try again
          </button>
        )}
      </p>
    </div>
  );
}

/** What came of asking: waits, says why there is nothing, or shows it, with a line above when it has become old. */
export function Shown<Body>({ live, what, children }: { live: Live<Body>; what: string; children: (data: Body) => ComponentChildren }) {
  const { data, problem, reload } = live;
  if (data === undefined) return problem ? <ProblemNote problem={problem} again={reload} /> : <Loading what={what} />;
  return (
    <>
      {problem && <ProblemNote problem={problem} again={reload} />}
      {children(data)}
    </>
  );
}
