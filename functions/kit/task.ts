/** How Step Functions calls us: a task name and the run's ids; each task answers what comes next. */
import { log } from './log.ts';

/** The run's identity, on every task. */
export interface RunEvent {
  task: string;
  requestId: string;
  attempt: number;
}

/** What the state machine does next; see "Choose next step" in promotion.asl.json. */
export type NextStep =
  | { next: 'gates' | 'approval' | 'begin' | 'copy' | 'tag' | 'roll-out' | 'finish' | 'roll-back' | 'rolled-back' | 'failed' | 'end' }
  | { next: 'turn'; waitSeconds: number }
  | { next: 'bake'; bakeSeconds: number };

export type Task<Event extends RunEvent = RunEvent> = (event: Event) => Promise<NextStep>;

/** Handler of a group of tasks. An unknown task is a broken definition and fails the run. Errors keep their name: `ErrorEquals` matches it. */
// biome-ignore lint/suspicious/noExplicitAny: each task narrows its own event
export function taskHandler(tasks: Readonly<Record<string, Task<any>>>) {
  return async (event: RunEvent): Promise<NextStep> => {
    const task = tasks[event.task];
    if (!task) throw new Error(`unknown task ${event.task}`);
    try {
      const answer = await task(event);
      log.info('task', { task: event.task, requestId: event.requestId, attempt: event.attempt, next: answer.next });
      return answer;
    } catch (error) {
      log.error('task failed', { task: event.task, requestId: event.requestId, attempt: event.attempt, error });
      throw error;
    }
  };
}
