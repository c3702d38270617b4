/** A dialog that holds the focus, ends with Escape, and gives the focus back. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Problem } from './client.ts';
import { ProblemNote } from './notice.tsx';

interface DialogProps {
  title: string;
  onClose(): void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onClose={onClose} class="dialog">
      <div class="stack">
        <div class="row spread">
          <h2 id="dialog-title">{title}</h2>
          <button type="button" class="button quiet tiny" aria-label="Close" onClick={() => dialog.current?.close()}>
            ✕
          </button>
        </div>
        {children}
      </div>
    </dialog>
  );
}

interface ActionDialogProps {
  title: string;
  /** On the button that does it. */
  verb: string;
  danger?: boolean;
  /** Why it cannot be done yet; undefined: it can. */
  unready?: string | undefined;
  onClose(): void;
  /** What happens; a Problem that it throws is shown here, with what was typed. */
  act(): Promise<void>;
  children?: ComponentChildren;
}

/** A dialog with one thing to do: once, however often the button is pressed. */
export function ActionDialog({ title, verb, danger = false, unready, onClose, act, children }: ActionDialogProps) {
  const [problem, setProblem] = useState<Problem>();
  const [isRunning, setRunning] = useState(false);
  const [isTried, setTried] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (unready !== undefined || isRunning) return;
    setRunning(true);
    setProblem(undefined);
    try {
      await act();
      onClose();
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, { detail: 'something went wrong on this page' }));
      setRunning(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form class="stack" noValidate onSubmit={(event) => void submit(event)}>
        {children}
        {isTried && unready !== undefined && (
          <p class="wrong" role="alert">
            {unready}
          </p>
        )}
        {problem && <ProblemNote problem={problem} />}
        <div class="row actions">
          <button type="submit" class={`button primary${danger ? ' danger' : ''}`} aria-disabled={unready !== undefined || isRunning}>
            {isRunning ? 'One moment…' : verb}
          </button>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
