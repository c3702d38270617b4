/** Processor time of creating and approving through the functions that are deployed, and through the whole local cloud. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { promotionStore } from '../adapters/promotion/promotion-store.ts';
import { openTable } from '../adapters/state/table.ts';
import type { GateResult } from '../core/gate/gate.ts';
import { withPhase } from '../core/promotion/change.ts';
import { engineChange } from '../core/promotion/engine-change.ts';
import { settleGates } from '../core/promotion/settle-gates.ts';
import { clientSettings } from '../local/demo/aws-clients.ts';
import type { FunctionCall, FunctionStart, Portion } from './function-process.ts';
import { LoadClient } from './load-client.ts';
import { APPROVERS, ENVIRONMENT, type LoadCloud } from './load-cloud.ts';
import { bodyOf } from './load-run.ts';

const REGION = 'eu-central-1';
const PORTION = 100;
const REQUESTS = `/v1/requests/${ENVIRONMENT}`;
/** They would work on what is created here, with the processors that are measured. */
const ENGINE = /Wake|Seal|Deliver|Reconcile/;

export interface FunctionCpu {
  /** Milliseconds of the function alone, in a process of its own; the median of the portions after the warm-up. */
  create: number;
  approve: number;
  /** Milliseconds of the whole local cloud for the same calls: gateway, sandbox, function, DynamoDB and all other services; undefined beside Linux. */
  createLocally: number | undefined;
  approveLocally: number | undefined;
}

/** `portions` of so many calls each; the first half warms up. */
export async function measureFunctions(cloud: LoadCloud, portions: number, calls = PORTION): Promise<FunctionCpu> {
  const resume = await restEngine(cloud);
  try {
    const creates = Array.from({ length: portions * calls }, (_, index) => createCall(cloud, `measured-${index}`));
    const created = await measure(cloud, 'request', creates, { status: 201, size: calls });
    const ids = created.answers.map(({ body }) => (JSON.parse(body) as { metadata: { id: string } }).metadata.id);
    await openApprovals(cloud, ids);
    const approvals = ids.flatMap((id) => APPROVERS.slice(0, 2).map((person) => approveCall(cloud, id, person)));
    const approved = await measure(cloud, 'decide', approvals, { status: 200, size: calls });
    return { create: created.cpuMs, approve: approved.cpuMs, ...(await measureLocally(cloud, calls)) };
  } finally {
    await resume();
  }
}

function createCall({ tokens, artifacts }: LoadCloud, marker: string): FunctionCall {
  return { routeKey: 'POST /v1/requests/{env}', path: REQUESTS, token: tokens.dev, body: JSON.stringify(bodyOf(artifacts[0]!, marker)) };
}

function approveCall({ tokens }: LoadCloud, id: string, person: (typeof APPROVERS)[number]): FunctionCall {
  return { routeKey: 'POST /v1/requests/{env}/{id}/approve', path: `${REQUESTS}/${id}/approve`, token: tokens[person], body: '{}' };
}

/** Runs the calls one after the other in a process of their own. */
async function measure(
  cloud: LoadCloud,
  group: string,
  calls: readonly FunctionCall[],
  { status, size }: { status: number; size: number },
): Promise<Portion> {
  const child = fork(join(import.meta.dirname, 'function-process.ts'), {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  try {
    await ask(child, { start: await functionStart(cloud, group) });
    const portions: Portion[] = [];
    for (let at = 0; at < calls.length; at += size) portions.push((await ask(child, { calls: calls.slice(at, at + size) })) as Portion);
    const answers = portions.flatMap((portion) => portion.answers);
    const other = answers.find((answer) => answer.status !== status);
    if (other) throw new Error(`${group} answered ${other.status}: ${other.body.slice(0, 500)}`);
    return { cpuMs: median(portions.slice(Math.floor(portions.length / 2)).map(({ cpuMs }) => cpuMs)), answers };
  } finally {
    child.kill();
  }
}

async function ask(child: ChildProcess, message: object): Promise<unknown> {
  const ended = new AbortController();
  const gone = once(child, 'exit', { signal: ended.signal }).then(([code]) => {
    throw new Error(`the process of the function ended with ${code}`);
  });
  const answer = once(child, 'message').then(([value]) => value as unknown);
  child.send(message);
  try {
    return await Promise.race([answer, gone]);
  } finally {
    gone.catch(() => undefined);
    ended.abort();
  }
}

async function functionStart({ endpoints, dataFolder }: LoadCloud, group: string): Promise<FunctionStart> {
  const deployed = (await functions(endpoints)).find(({ name }) => new RegExp(`-${group}Function`, 'i').test(name));
  if (!deployed) throw new Error(`there is no function ${group}`);
  return {
    folder: join(dataFolder, 'build/functions', group),
    certificate: readFileSync(endpoints.ca, 'utf8'),
    variables: {
      ...deployed.variables,
      AWS_ENDPOINT_URL: endpoints.aws,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: endpoints.awsAdmin.accessKeyId,
      AWS_SECRET_ACCESS_KEY: endpoints.awsAdmin.secretAccessKey,
    },
  };
}

async function functions(endpoints: LoadCloud['endpoints']): Promise<{ name: string; variables: Record<string, string> }[]> {
  const client = new LambdaClient(clientSettings({ ...endpoints, region: REGION }));
  try {
    const { Functions = [] } = await client.send(new ListFunctionsCommand({}));
    return Functions.map(({ FunctionName, Environment }) => ({ name: FunctionName!, variables: { ...Environment?.Variables } }));
  } finally {
    client.destroy();
  }
}

/** Lets the functions that work in the background be refused; answers how they are let go on. */
async function restEngine({ endpoints }: LoadCloud): Promise<() => Promise<void>> {
  const faults = `${endpoints.aws}/_local/faults`;
  for (const { name } of (await functions(endpoints)).filter((each) => ENGINE.test(each.name))) {
    const fault = { service: 'lambda', operation: name, status: 429, error: 'TooManyRequestsException' };
    const answer = await fetch(faults, { method: 'POST', body: JSON.stringify(fault) });
    if (answer.status !== 201) throw new Error(await answer.text());
  }
  return async () => {
    await fetch(faults, { method: 'DELETE' });
  };
}

/** What the resting engine would do until approval is open, by the rules of core over the same rows. */
async function openApprovals({ endpoints }: LoadCloud, ids: readonly string[]): Promise<void> {
  const { name, variables } = (await functions(endpoints)).find((each) => /-RequestFunction/.test(each.name))!;
  const { TABLE_NAME } = variables;
  if (TABLE_NAME === undefined) throw new Error(`${name} has no table`);
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: endpoints.aws,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: endpoints.awsAdmin.accessKeyId,
    AWS_SECRET_ACCESS_KEY: endpoints.awsAdmin.secretAccessKey,
  });
  const promotions = promotionStore(openTable(TABLE_NAME), { now: () => new Date() });
  for (const id of ids) {
    const { promotion, plan, texts } = (await promotions.aggregate(id))!;
    const started = engineChange(promotion, withPhase(promotion, 'validating'), { type: 'gates.started', action: 'validating' });
    const head = await promotions.commit(started);
    const gates = plan.gates.map((gate): GateResult => ({ ...gate, status: 'passed', message: 'passed', resolution: '' }));
    const now = new Date().toISOString();
    await promotions.commit({ ...settleGates(head, plan, gates, { now, claims: texts.spec.preChecks }), gates });
  }
}

/** The same calls over HTTP, against the processor time of the whole process. */
async function measureLocally(cloud: LoadCloud, calls: number): Promise<Pick<FunctionCpu, 'createLocally' | 'approveLocally'>> {
  const client = new LoadClient(cloud.endpoints.api, cloud.tokens, 1);
  const ids: string[] = [];
  const create = async (marker: string) => {
    const body = JSON.stringify(bodyOf(cloud.artifacts[0]!, marker));
    const answer = await client.send('create', { method: 'POST', path: REQUESTS, as: 'dev', body });
    if (answer.status !== 201) throw new Error(answer.text);
    ids.push(answer.body.metadata.id);
  };
  const approve = async (id: string) => {
    const answer = await client.send('approve', { method: 'POST', path: `${REQUESTS}/${id}/approve`, as: APPROVERS[0]!, body: '{}' });
    if (answer.status !== 200) throw new Error(answer.text);
  };
  try {
    const createLocally = await cpuOf(cloud.pid, calls, (index) => create(`locally-${index}`));
    await openApprovals(cloud, ids);
    return { createLocally, approveLocally: await cpuOf(cloud.pid, calls, (index) => approve(ids[index]!)) };
  } finally {
    client.close();
  }
}

async function cpuOf(pid: number, count: number, act: (index: number) => Promise<void>): Promise<number | undefined> {
  const before = processCpu(pid);
  for (let index = 0; index < count; index++) await act(index);
  const after = processCpu(pid);
  return before === undefined || after === undefined ? undefined : (after - before) / count;
}

/** Milliseconds of processor time that a process and its threads have used: fields 14 and 15 of `stat`, in hundredths of a second. */
function processCpu(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return undefined;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
