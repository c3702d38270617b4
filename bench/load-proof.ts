/** What must hold after a load run, read from outside: lists, requests, timelines, and the locked log. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient, ListTablesCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { clientSettings } from '../local/demo/aws-clients.ts';
import { verifyLog } from '../local/demo/demo-log.ts';
import { type Answer, LoadClient } from './load-client.ts';
import { ENVIRONMENT, type LoadCloud } from './load-cloud.ts';
import type { Known } from './load-run.ts';

export interface LoadProof {
  /** What was acknowledged and is not there, or not as it was acknowledged. */
  lost: string[];
  /** What was done more often than it was asked for: requests, decisions, events. */
  twice: string[];
}

/** A line of the locked log, as far as it is looked at. */
interface LogLine {
  rid: string;
  seq: number;
  type: string;
  actor: { id: string };
}

interface Event {
  seq: number;
  action: string;
  by: string;
}

const CONNECTIONS = 32;
const MOST_TRIES = 6;
/** Folder of the log's lines; the others hold checkpoints and proofs. */
const BATCHES = /(^|\/)batch(\/|$)/;
/** Real time in which the sealer must have sealed everything. */
const SEAL_LIMIT_MS = 600_000;

export async function prove(cloud: LoadCloud, journal: readonly Known[], say: (line: string) => void): Promise<LoadProof> {
  const proof: LoadProof = { lost: [], twice: [] };
  const client = new LoadClient(cloud.endpoints.api, cloud.tokens, CONNECTIONS);
  try {
    say('reading every request and its timeline');
    await compareList(client, journal, proof);
    const timelines = new Map<string, Event[]>();
    const left = [...journal];
    const work = async (): Promise<void> => {
      for (let known = left.pop(); known; known = left.pop()) timelines.set(idOf(known), await compareRequest(client, known, proof));
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
    say('waiting for the sealer, and verifying the log');
    await untilSealed(cloud);
    compareLog(await readLog(cloud), journal, timelines, proof);
  } finally {
    client.close();
  }
  return proof;
}

const idOf = ({ path }: Known): string => path.split('/').at(-1)!;

/** The list holds what was acknowledged, each once, and nothing else. */
async function compareList(client: LoadClient, journal: readonly Known[], proof: LoadProof): Promise<void> {
  const listed: string[] = [];
  let cursor: string | undefined;
  do {
    const query = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { body } = await read(client, `/v1/requests/${ENVIRONMENT}?limit=100${query}`);
    listed.push(...body.items.map(({ metadata }: { metadata: { id: string } }) => metadata.id));
    cursor = body.nextCursor;
  } while (cursor !== undefined);
  const acknowledged = new Set(journal.map(idOf));
  for (const id of acknowledged) if (!listed.includes(id)) proof.lost.push(`${id} is in no list`);
  for (const id of listed.filter((each, place) => !acknowledged.has(each) || listed.indexOf(each) !== place))
    proof.twice.push(`${id} is listed, and nobody was told of it, or it is listed twice`);
}

/** One request is as its client was told; answers its events. */
async function compareRequest(client: LoadClient, known: Known, proof: LoadProof): Promise<Event[]> {
  const { path, marker, approvedBy, selfApprovals } = known;
  const answer = await read(client, path);
  if (answer.status !== 200) {
    proof.lost.push(`${path} answers ${answer.status}`);
    return [];
  }
  const { spec, status } = answer.body;
  const { items } = (await read(client, `${path}/timeline`)).body as { items: Event[] };
  const people = approvedBy.map((person) => `${person}@example.com`).sort();
  const given = status.approvals.stages
    .flatMap(({ rules }: { rules: { given: string[] }[] }) => rules.flatMap((rule) => rule.given))
    .sort();
  if (!spec.request.justification.includes(marker)) proof.lost.push(`${path} is another request than the one that was acknowledged`);
  if (status.phase !== 'approved') proof.lost.push(`${path} was approved by two and is ${status.phase}`);
  for (const person of people.filter((each) => !given.includes(each))) proof.lost.push(`${path}: the approval of ${person} does not count`);
  if (given.length > people.length) proof.twice.push(`${path} counts ${given.join()} and was approved by ${people.join()}`);
  const approvals = items.filter(({ action }) => action === 'approved').map(({ by }) => by);
  compareCounts(`${path}, timeline`, approvals.sort(), people, proof);
  const refused = items.filter(({ action }) => action === 'approval_refused').length;
  if (refused !== selfApprovals)
    (refused < selfApprovals ? proof.lost : proof.twice).push(`${path}: ${refused} of ${selfApprovals} attempts`);
  return items;
}

/** One line of the log for each event, in order, and one decision for each person. */
function compareLog(
  lines: ReadonlyMap<string, LogLine[]>,
  journal: readonly Known[],
  timelines: ReadonlyMap<string, Event[]>,
  proof: LoadProof,
): void {
  for (const known of journal) {
    const id = idOf(known);
    const own = lines.get(id) ?? [];
    const decided = own.filter(({ type }) => type === 'approval.decided').map(({ actor }) => actor.id);
    const expected = known.approvedBy.length;
    if (decided.length < expected) proof.lost.push(`${id}: ${decided.length} of ${expected} decisions are in the log`);
    if (decided.length > expected || new Set(decided).size < decided.length)
      proof.twice.push(`${id}: decided by ${decided.join()} in the log`);
    compareCounts(
      `${id}, log`,
      own.map(({ seq }) => String(seq)),
      (timelines.get(id) ?? []).map(({ seq }) => String(seq)),
      proof,
    );
  }
}

/** Both hold the same, each as often. */
function compareCounts(where: string, found: readonly string[], expected: readonly string[], proof: LoadProof): void {
  for (const each of new Set([...found, ...expected])) {
    const times = (list: readonly string[]) => list.filter((other) => other === each).length;
    if (times(found) < times(expected)) proof.lost.push(`${where}: ${each} is missing`);
    if (times(found) > times(expected)) proof.twice.push(`${where}: ${each} is there ${times(found)} times`);
  }
}

/** What the API answers; a dependency that is away for a moment is asked again. */
async function read(client: LoadClient, path: string): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    const answer = await client.send('proof', { method: 'GET', path, as: 'cpi' });
    if (answer.status >= 200 && answer.status < 500) return answer;
    if (tries === MOST_TRIES) throw new Error(`GET ${path} answered ${answer.status}: ${answer.text.slice(0, 300)}`);
    await sleep(1_000);
  }
}

/** Waits until nothing is left in the outbox. The clock stays: what is still to be mailed is no concern of the log. */
async function untilSealed({ endpoints }: LoadCloud): Promise<void> {
  const client = new DynamoDBClient(clientSettings({ ...endpoints, region: 'eu-central-1' }));
  const end = performance.now() + SEAL_LIMIT_MS;
  try {
    const { TableNames = [] } = await client.send(new ListTablesCommand({}));
    const outbox = { KeyConditionExpression: 'PK = :outbox', ExpressionAttributeValues: { ':outbox': { S: 'OUTBOX#0' } } };
    for (const TableName of TableNames) {
      while (((await client.send(new QueryCommand({ TableName, ...outbox, Limit: 1, ConsistentRead: true }))).Count ?? 0) > 0) {
        if (performance.now() > end) throw new Error(`events are not sealed after ${SEAL_LIMIT_MS / 1_000} s`);
        await sleep(1_000);
      }
    }
  } finally {
    client.destroy();
  }
}

/** Lines of the verified log by request, in order. */
async function readLog({ endpoints, folder }: LoadCloud): Promise<Map<string, LogLine[]>> {
  const copy = join(folder, 'log');
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy);
  await verifyLog(endpoints, copy);
  const lines = new Map<string, LogLine[]>();
  const files = readdirSync(copy, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && BATCHES.test(entry.parentPath),
  );
  for (const { parentPath, name } of files) {
    for (const text of readFileSync(join(parentPath, name), 'utf8').split('\n')) {
      if (text === '') continue;
      const line = JSON.parse(text) as LogLine;
      lines.set(line.rid, [...(lines.get(line.rid) ?? []), line]);
    }
  }
  for (const own of lines.values()) own.sort((left, right) => left.seq - right.seq);
  return lines;
}
