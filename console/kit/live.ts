/** What a page shows stays true: asked again and again while somebody looks, with the tag of what is known, so that no news costs no bytes. */
import { useEffect, useReducer, useRef } from 'preact/hooks';
import { askAgain, Problem, type Seen } from './client.ts';
import type { Answered, Asked, Operation } from './operations.ts';

/** Milliseconds between two questions. */
export const PACE = { moving: 1_500, usual: 5_000, slow: 20_000 } as const;
/** After failures the pace halves until here. */
const SLOWEST = 60_000;

export interface Live<Body> {
  data: Body | undefined;
  /** Why there is no data, or why it is not fresh. */
  problem: Problem | undefined;
  reload(): void;
}

/** What was seen last, by question: going back shows it at once. */
const known = new Map<string, Seen<unknown>>();
const MOST_KNOWN = 60;
const reloaders = new Set<() => void>();

/** Asks who is signed in, now. */
let askWho: () => void = () => {};

/** What is called when an answer says that the session is over: a view alone would wait for the next look at who is there. */
export function onSessionOver(ask: () => void): void {
  askWho = ask;
}

/** Something was written: whatever is shown is asked for again at once. */
export function refreshAll(): void {
  for (const reload of reloaders) reload();
}

/** The answer to a question, kept fresh. `input` undefined: not asked. `pace` may depend on the answer; undefined is: once. */
export function useLive<Op extends Operation>(
  operation: Op,
  input: Asked<Op> | undefined,
  pace: (data: Answered<Op> | undefined) => number | undefined = () => PACE.usual,
): Live<Answered<Op>> {
  const [, render] = useReducer((count: number) => count + 1, 0);
  const key = input === undefined ? undefined : `${operation} ${JSON.stringify(input)}`;
  const problem = useRef<Problem | undefined>(undefined);
  const loop = useRef<() => void>(() => {});
  const paceNow = useRef(pace);
  paceNow.current = pace;

  // The key stands for the question.
  useEffect(() => {
    problem.current = undefined;
    if (key === undefined || input === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let controller = new AbortController();
    let failures = 0;
    let isOver = false;
    const look = async (): Promise<void> => {
      clearTimeout(timer);
      controller.abort();
      controller = new AbortController();
      const { signal } = controller;
      let wait: number | undefined;
      try {
        const seen = known.get(key) as Seen<Answered<Op>> | undefined;
        const news = await askAgain(operation, input, seen, signal);
        if (signal.aborted) return;
        if (news) remember(key, news);
        if (news || problem.current) {
          problem.current = undefined;
          render(0);
        }
        failures = 0;
        wait = paceNow.current(known.get(key)?.body as Answered<Op> | undefined);
      } catch (error) {
        if (signal.aborted) return;
        problem.current = error instanceof Problem ? error : new Problem(0, { detail: 'the answer could not be read' });
        failures++;
        // What somebody may not see any more is not shown from memory either.
        if ([401, 403, 404].includes(problem.current.status)) known.delete(key);
        if (problem.current.status === 401 && operation !== 'me') askWho();
        render(0);
        const isFinal = problem.current.status >= 400 && problem.current.status < 500 && problem.current.status !== 429;
        wait = isFinal ? undefined : Math.min(SLOWEST, PACE.usual * 2 ** failures);
      }
      if (wait !== undefined && !isOver && !document.hidden) timer = setTimeout(() => void look(), wait);
    };
    const ask = () => void look();
    const onSight = () => {
      if (document.hidden) clearTimeout(timer);
      else ask();
    };
    loop.current = ask;
    reloaders.add(ask);
    document.addEventListener('visibilitychange', onSight);
    ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
      controller.abort();
      reloaders.delete(ask);
      document.removeEventListener('visibilitychange', onSight);
    };
  }, [key]);

  const data = key === undefined ? undefined : (known.get(key)?.body as Answered<Op> | undefined);
  return { data, problem: problem.current, reload: () => loop.current() };
}

function remember(key: string, seen: Seen<unknown>): void {
  known.delete(key);
  known.set(key, seen);
  const [oldest] = known.keys();
  if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest);
}

/** Nothing of somebody who has signed out stays. */
export function forgetAll(): void {
  known.clear();
}
