/** Short messages about what was just done, read out and gone by themselves. What was not done is said where it was tried. */
import { useEffect, useState } from 'preact/hooks';
import { Foreign, sentence } from './text.tsx';

interface Toast {
  id: number;
  text: string;
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
  put([...toasts, { id, text }]);
  setTimeout(() => close(id), SHOWN_MS);
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
      {shown.map(({ id, text }) => (
        <div key={id} class="toast">
          <p>
            <Foreign text={sentence(text)} />
          </p>
          <button type="button" class="copy" aria-label="Close this message" onClick={() => close(id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
