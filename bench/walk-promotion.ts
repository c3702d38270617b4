/**
 * Walks statemachines/promotion.asl.json in the local Step Functions engine with scripted answers of its functions, and counts what AWS bills.
 * The definition is the deployed one; only the functions behind it are scripted, so that each path can be chosen.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Clock } from '../local/clock.ts';
import { Listeners } from '../local/listeners.ts';
import type { CloudContext, LocalService } from '../local/service.ts';
import { createStepFunctions } from '../local/step-functions/step-functions.ts';

/** Payload of a task, as the definition writes it. */
export interface TaskCall {
  task: string;
  kind?: string;
  taskToken?: string;
}

/** Answers of one task in order; the last one is repeated. An error answer has `errorType`. */
export type Script = Readonly<Record<string, readonly (Record<string, unknown> | { errorType: string })[]>>;

export interface Walk {
  status: string;
  /** States entered, in order. */
  states: string[];
  /** Calls of functions, first tries and retries. */
  calls: TaskCall[];
  /** What AWS bills: every state that is entered, and every retry. */
  transitions: number;
}

const ROOT = join(import.meta.dirname, '..');
const FUNCTION = 'arn:aws:lambda:eu-central-1:000000000000:function:';
/** A thousand times faster: a bake of 5 s takes 5 ms. */
const SCALE = 0.001;
const WALK_LIMIT_MS = 30_000;

/** The state machine with its functions' names filled in, as the deployment does it. */
function promotionDefinition(): string {
  const file = readFileSync(join(ROOT, 'statemachines', 'promotion.asl.json'), 'utf8');
  return file.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => `${FUNCTION}${name}`);
}

/** Runs the machine once to its end. Waits are woken at once. */
export async function walkPromotion(script: Script): Promise<Walk> {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-walk-'));
  const clock = new Clock({ scale: SCALE });
  const calls: TaskCall[] = [];
  const answered = new Map<string, number>();
  const context = scriptedContext(folder, clock, (call) => {
    calls.push(call);
    if (call.taskToken !== undefined) setImmediate(() => void send('SendTaskSuccess', { taskToken: call.taskToken, output: '{}' }));
    const answers = script[call.task] ?? [{}];
    const turn = answered.get(call.task) ?? 0;
    answered.set(call.task, turn + 1);
    return answers[Math.min(turn, answers.length - 1)]!;
  });
  const service = await createStepFunctions(context);
  const send = (operation: string, input: unknown) => ask(service, operation, input);
  try {
    const { stateMachineArn } = await send('CreateStateMachine', {
      name: 'promotion',
      definition: promotionDefinition(),
      roleArn: 'arn:aws:iam::000000000000:role/promotion',
    });
    const input = JSON.stringify({ requestId: 'PR-2026-0001', attempt: 1 });
    const { executionArn } = await send('StartExecution', { stateMachineArn, name: 'walk', input });
    const status = await ended(send, executionArn as string);
    const { events } = (await send('GetExecutionHistory', { executionArn, maxResults: 1000 })) as { events: HistoryEvent[] };
    const states = events.flatMap((event) => (event.stateEnteredEventDetails ? [event.stateEnteredEventDetails.name] : []));
    const tasks = events.filter((event) => event.type === 'TaskStateEntered').length;
    return { status, states, calls, transitions: states.length + (calls.length - tasks) };
  } finally {
    await service.close?.();
    clock.close();
    await context.listeners.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface HistoryEvent {
  type: string;
  stateEnteredEventDetails?: { name: string };
}

type Send = (operation: string, input: unknown) => Promise<Record<string, unknown>>;

async function ended(send: Send, executionArn: string): Promise<string> {
  const until = process.hrtime.bigint() + BigInt(WALK_LIMIT_MS) * 1_000_000n;
  for (;;) {
    const { status } = await send('DescribeExecution', { executionArn });
    if (status !== 'RUNNING') return status as string;
    if (process.hrtime.bigint() > until) throw new Error(`the walk did not end within ${WALK_LIMIT_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Speaks to the service as its clients do, without a socket in between. */
async function ask(service: LocalService, operation: string, input: unknown): Promise<Record<string, unknown>> {
  const answer = await service.handle({
    method: 'POST',
    url: new URL('http://127.0.0.1/'),
    headers: { 'x-amz-target': `AWSStepFunctions.${operation}` },
    body: Buffer.from(JSON.stringify(input)),
    caller: { kind: 'admin', accessKeyId: 'bench' },
    requestId: operation,
    presigned: false,
  });
  const body = JSON.parse(String(answer.body)) as Record<string, unknown>;
  if (answer.status !== 200) throw new Error(`${operation}: ${JSON.stringify(body)}`);
  return body;
}

function scriptedContext(folder: string, clock: Clock, answer: (call: TaskCall) => Record<string, unknown>): CloudContext {
  return {
    clock,
    folder,
    region: 'eu-central-1',
    account: '000000000000',
    listeners: new Listeners(folder),
    async invoke(_functionArn, payload) {
      const result = answer(payload as TaskCall);
      if (typeof result['errorType'] !== 'string') return { payload: result };
      return { payload: null, error: { errorType: result['errorType'], errorMessage: 'scripted' } };
    },
    emit: async () => {},
    credentialsFor: () => ({ accessKeyId: '', secretAccessKey: '', sessionToken: '' }),
    allowed: async () => true,
    fault: async () => undefined,
    recordCall: () => {},
    log: () => {},
  };
}
