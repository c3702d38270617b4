/** Follows a request until it is over or needs a person, and says what changes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandFailure, EXIT } from './failure.ts';
import { oneLine } from './output.ts';
import { isFinal, type RequestView, readAgain } from './request.ts';
import type { Session } from './session.ts';
import { approversOf, copyLines, gateLines, isSettled, validationLines } from './show-request.ts';

export interface FollowOptions {
  /** Goes on while people are asked; otherwise it stops there. */
  throughApproval: boolean;
  /** Real milliseconds. */
  timeout: number;
}

/** Phases in which the machine works and nobody is asked. */
const MOVING = new Set(['requested', 'validating', 'approved', 'promoting', 'rolling_back']);
const SHORTEST_MS = 250;
const LONGEST_MS = 2_000;
/** Attempts to read while the server is away, e.g. restarts: about a minute. */
const MOST_FAILURES = 30;

/** The request as it is when following ends. Exit 5 when time is over, 130 after Ctrl-C: the promotion goes on either way. */
export async function follow(session: Session, start: RequestView, options: FollowOptions): Promise<RequestView> {
  const told = new Teller(session);
  const until = performance.now() + options.timeout;
  let request = start;
  for (let pause = SHORTEST_MS; ; pause = Math.min(LONGEST_MS, pause * 1.2)) {
    told.tell(request);
    if (isOver(request, options)) return request;
    if (performance.now() >= until) {
      throw new CommandFailure(EXIT.timeout, `${request.metadata.id} is still ${request.status.phase.replaceAll('_', ' ')}`, {
        code: 'TIMEOUT',
        hint: `it goes on by itself; follow it with: ${resumeLine(request)}`,
      });
    }
    const left = Math.max(0, until - performance.now());
    await sleep(Math.min(pause, left), undefined, { signal: session.around.interrupted }).catch(() => undefined);
    if (session.around.interrupted.aborted) throw interruptedAt(request);
    const before = request;
    request = await readPatiently(session, request);
    if (before.metadata.version !== request.metadata.version) pause = SHORTEST_MS;
  }
}

function interruptedAt(request: RequestView): CommandFailure {
  const hint = `follow it with: ${resumeLine(request)}`;
  return new CommandFailure(EXIT.interrupted, `${request.metadata.id} goes on`, { code: 'INTERRUPTED', hint });
}

function isOver(request: RequestView, { throughApproval }: FollowOptions): boolean {
  const { phase, waitingOn } = request.status;
  if (isFinal(request) || phase === 'blocked') return true;
  if (waitingOn === 'confirm') return true;
  if (throughApproval) return false;
  return !MOVING.has(phase) || waitingOn === 'schedule' || waitingOn === 'window';
}

/** The line that follows the same promotion again. */
export function resumeLine({ metadata, spec: { kind = 'promote', target } }: RequestView): string {
  if (kind === 'rollback') return `greenlight approval status ${oneLine(metadata.id)}`;
  return `greenlight ${oneLine(kind)} ${oneLine(target.version)} ${oneLine(target.targetEnvironment)} --artifact ${oneLine(target.name)} --wait`;
}

/** A server that restarts does not end the waiting. */
async function readPatiently({ client, around }: Session, request: RequestView): Promise<RequestView> {
  for (let failures = 1; ; failures++) {
    try {
      return await readAgain(client, request);
    } catch (error) {
      if (around.interrupted.aborted) throw interruptedAt(request);
      const mayPass = error instanceof CommandFailure && (error.exitCode === EXIT.unavailable || error.exitCode === EXIT.timeout);
      if (!mayPass || failures >= MOST_FAILURES) throw error;
      await sleep(LONGEST_MS, undefined, { signal: around.interrupted }).catch(() => undefined);
    }
  }
}

/** Every registry has got what it will get: only then the lines do not change any more. */
function isCopyOver(request: RequestView): boolean {
  const { copy, step = '' } = request.status;
  return copy !== undefined && (isFinal(request) || (step !== 'copying' && step !== 'verifying_copy' && step !== 'tagging'));
}

/** Says each change once: results of gates and approvals as result, phases and steps as talk. */
class Teller {
  readonly #session: Session;
  readonly #gates = new Set<string>();
  readonly #approvers = new Set<string>();
  #phase = '';
  #step = '';
  #announced = false;
  #copied = false;

  constructor(session: Session) {
    this.#session = session;
  }

  tell(request: RequestView): void {
    const { output } = this.#session;
    const { phase, step = '', waitingOn, gates = [] } = request.status;
    const isRollback = request.spec.kind === 'rollback';
    for (const gate of gates.filter((each) => isSettled(each) && !this.#gates.has(each.name))) {
      if (!this.#announced && !isRollback) output.line('Validating...');
      this.#announced = true;
      this.#gates.add(gate.name);
      for (const line of isRollback ? validationLines(output, gate) : gateLines(output, gate)) output.line(line);
    }
    for (const person of approversOf(request).filter((each) => !this.#approvers.has(each))) {
      this.#approvers.add(person);
      output.line(`Approval granted by: ${person}`);
    }
    const now = `${phase} ${waitingOn ?? ''}`;
    if (now !== this.#phase) {
      this.#phase = now;
      output.talk(`${request.metadata.id}: ${oneLine(phase.replaceAll('_', ' '))}${waitingOn ? `, waiting on ${oneLine(waitingOn)}` : ''}`);
      if (phase === 'promoting') {
        const across = (request.status.copy?.registries.length ?? 0) > 1 ? ' across registries' : '';
        const doing = request.spec.kind === 'repair' ? 'Repairing' : 'Promoting to';
        output.line(isRollback ? 'Rolling back...' : `${doing} ${oneLine(request.spec.target.targetEnvironment)}${across}...`);
      }
    }
    if (!this.#copied && !isRollback && isCopyOver(request)) {
      this.#copied = true;
      for (const line of copyLines(output, request)) output.line(line);
    }
    if (step !== '' && step !== this.#step) output.talk(`  ${oneLine(step.replaceAll('_', ' '))}`);
    this.#step = step;
  }
}
