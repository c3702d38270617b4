/** Short messages about what has just happened, read out and gone by themselves; failures stay until they are closed. */
import { useEffect, useState } from 'preact/hooks';
import { Problem } from './client.ts';
import { Foreign, sentence } from './text.tsx';

interface Toast {
  id: number;
  tone: 'good' | 'bad';
  text: string;
  hint?: string | undefined;
}

const SHOWN_MS = 6_000;
let toasts: readonly Toast[] = [];
let count = 0;
let show: (toasts: readonly Toast[]) => void = () => {};

function put(next: readonly Toast[]): void {
  toasts = next;
  show(next);
}

export function say(text: string): void {
  const id = ++count;
  put([...toasts, { id, tone: 'good', text }]);
  setTimeout(() => close(id), SHOWN_MS);
}

export function complain(error: unknown): void {
  const problem = error instanceof Problem ? error : new Problem(0, { detail: 'something went wrong on this page', hint: 'reload it' });
  put([...toasts.slice(-2), { id: ++count, tone: 'bad', text: problem.message, hint: problem.hint }]);
}

function close(id: number): void {
  put(toasts.filter((toast) => toast.id !== id));
}

export function Toasts() {
  const [shown, setShown] = useState(toasts);
  useEffect(() => {
    show = setShown;
    setShown(toasts);
  }, []);
  return (
    <div class="toasts" role="log" aria-live="polite" aria-label="Messages">
      {shown.map(({ id, tone, text, hint }) => (
        <div key={id} class={`toast ${tone}`}>
          <div>
            <p>
              <Foreign text={sentence(text)} />
            </p>
            {hint !== undefined && (
              <p class="small soft">
                <Foreign text={sentence(hint)} />
              </p>
            )}
          </div>
          <button type="button" class="copy" aria-label="Close this message" onClick={() => close(id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
