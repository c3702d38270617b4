/** What must hold after any number of crashes, read where it lies: log bucket, state machine, table, mailbox, registry, cluster. */
import { DynamoDBClient, ListTablesCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { ListStateMachinesCommand, paginateListExecutions, SFNClient } from '@aws-sdk/client-sfn';
import { expect } from 'vitest';
import { clientSettings } from '../../local/demo/aws-clients.ts';
import { type LogLine, readSealedLog, type SealedLog } from '../flows/audit-log.ts';
import type { Answer } from '../flows/cloud.ts';
import { idOf } from '../flows/requests.ts';
import { type CrashCloud, LINK } from './cloud.ts';

const FINAL = new Set(['succeeded', 'failed', 'rolled_back', 'rejected', 'expired', 'cancelled', 'superseded']);
export const isFinal = (phase: string): boolean => FINAL.has(phase);

const settings = (cloud: CrashCloud) => clientSettings({ ...cloud.endpoints, region: 'eu-central-1' });

/** Seals, verifies the whole log, and answers the lines of each request, which are numbered from 1 without a gap or a double. */
export async function linesOf(cloud: CrashCloud): Promise<Map<string, LogLine[]>> {
  return verifiedLines(await readSealedLog(cloud));
}

/**
 * The same of what is sealed already: while people work, a clock that moves would wait for the end of their work. A copy that was made while the
 * sealer worked, or was dead between two of its objects, lacks the newest checkpoint; it is made again.
 */
export function sealedLinesOf(cloud: CrashCloud): Promise<Map<string, LogLine[]>> {
  const { endpoints, folder } = cloud;
  const standing = { endpoints, folder, now: () => cloud.now(), advance: async () => {} };
  return cloud.until('a whole copy of the log', async () => {
    const log = await readSealedLog(standing);
    return log.exitCode === 1 && / GAP .*copy again/.test(log.said) ? undefined : verifiedLines(log);
  });
}

function verifiedLines(log: SealedLog): Map<string, LogLine[]> {
  expect(log.exitCode, log.said).toBe(0);
  const lines = new Map<string, LogLine[]>();
  for (const line of log.lines) lines.set(line.rid, [...(lines.get(line.rid) ?? []), line]);
  for (const [rid, own] of lines) {
    own.sort((left, right) => left.seq - right.seq);
    expect(
      own.map(({ seq }) => seq),
      `sequence of ${rid}`,
    ).toEqual(own.map((_, index) => index + 1));
  }
  return lines;
}

/** Runs by name, each with its state. A name that came twice would be two entries. */
export async function allRuns(cloud: CrashCloud): Promise<{ name: string; status: string }[]> {
  const client = new SFNClient(settings(cloud));
  try {
    const { stateMachines = [] } = await client.send(new ListStateMachinesCommand({}));
    const found: { name: string; status: string }[] = [];
    for (const { stateMachineArn } of stateMachines) {
      for await (const { executions = [] } of paginateListExecutions({ client, pageSize: 1000 }, { stateMachineArn }))
        for (const { name, status } of executions) found.push({ name: name!, status: status! });
    }
    return found;
  } finally {
    client.destroy();
  }
}

/** Names and states of the runs of a request. */
export async function runsOf(cloud: CrashCloud, id: string): Promise<{ name: string; status: string }[]> {
  return (await allRuns(cloud)).filter(({ name }) => name.startsWith(`${id}-`));
}

/** How many rows wait in a queue of the table. */
async function waiting(cloud: CrashCloud, queue: string): Promise<number> {
  const client = new DynamoDBClient(settings(cloud));
  try {
    const { TableNames = [] } = await client.send(new ListTablesCommand({}));
    let count = 0;
    for (const TableName of TableNames) {
      const { Count = 0 } = await client.send(
        new QueryCommand({
          TableName,
          KeyConditionExpression: 'PK = :queue',
          ExpressionAttributeValues: { ':queue': { S: queue } },
          Select: 'COUNT',
          ConsistentRead: true,
        }),
      );
      count += Count;
    }
    return count;
  } finally {
    client.destroy();
  }
}

/** Nothing is left to seal, to wake or to deliver, however long it is waited. */
export async function expectQuiet(cloud: CrashCloud): Promise<void> {
  const left = await cloud.until('the end of all work', async () => {
    const counts = {
      outbox: await waiting(cloud, 'OUTBOX#0'),
      wake: await waiting(cloud, 'WAKE#0'),
      notice: await waiting(cloud, 'NOTICE#0'),
    };
    if (counts.outbox + counts.wake + counts.notice === 0) return counts;
    await cloud.advance('PT1M');
    return undefined;
  });
  expect(left).toEqual({ outbox: 0, wake: 0, notice: 0 });
}

/**
 * One request that is over: one run for its one attempt, a line in the locked log for every line of its history and no other. Answers the types of
 * its events in order.
 */
export async function expectEndedOnce(cloud: CrashCloud, path: string, lines: Map<string, LogLine[]>): Promise<string[]> {
  const { status } = (await cloud.api('GET', path, { as: 'dev' })).body as Answer['body'];
  const id = idOf(path);
  expect(isFinal(status.phase), `${id} is ${status.phase}`).toBe(true);
  const runs = await runsOf(cloud, id);
  expect(
    runs.map(({ name }) => name),
    `runs of ${id}`,
  ).toEqual([`${id}-1`]);
  expect(runs[0]!.status, `run of ${id}`).not.toBe('RUNNING');
  const own = lines.get(id) ?? [];
  expect(
    own.map(({ ts }) => ts),
    `lines of ${id}`,
  ).toEqual(status.history.map(({ at }: { at: string }) => at));
  return own.map(({ type }) => type);
}

/**
 * Everybody was asked, and at most `duplicates` of all those mails came twice. Who is asked once more because somebody else has decided gets a mail
 * of another subject.
 */
export async function expectAsked(cloud: CrashCloud, id: string, people: readonly string[], duplicates: number): Promise<void> {
  const mails = (await cloud.mails()).filter(({ subject, text }) => subject.includes(id) && LINK.test(text));
  const said = `mails for ${id}: ${JSON.stringify(mails.map(({ to, subject }) => `${to.join()} ${subject}`))}`;
  const told = mails.flatMap(({ to, subject }) => to.map((address) => `${address} ${subject}`));
  for (const person of people) {
    expect(
      told.some((each) => each.startsWith(`${person}@example.com `)),
      said,
    ).toBe(true);
  }
  expect(told.length - new Set(told).size, said).toBeLessThanOrEqual(duplicates);
}
