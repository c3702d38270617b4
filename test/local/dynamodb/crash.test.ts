import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createDynamoDb } from '../../../local/dynamodb/dynamodb.ts';
import { makeContext } from '../context.ts';
import { requestOf } from './served-dynamodb.ts';

const PROGRAM = fileURLToPath(new URL('die-in-transaction.ts', import.meta.url));
const folders: string[] = [];

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'greenlight-crash-'));
  folders.push(made);
  return made;
}

/** Runs the program until it has killed itself; answers the data folder. */
async function dieAt(...point: string[]): Promise<string> {
  const data = folder();
  const child = spawn(process.execPath, ['--import', 'tsx', '--no-warnings', PROGRAM, data, ...point], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const signal = await new Promise((resolve) => child.once('exit', (_code, by) => resolve(by)));
  expect(signal).toBe('SIGKILL');
  return data;
}

/** Versions of the five items, and how many entries the index holds for version 0 and 1, after a restart over the data. */
async function read(data: string): Promise<{ versions: number[]; indexed: number[] }> {
  const context = makeContext('dynamodb', { data });
  const service = await createDynamoDb(context);
  const call = async (operation: string, body: unknown) => JSON.parse(String((await service.handle(requestOf(operation, body))).body));
  const { Items } = await call('Scan', { TableName: 'crash', ConsistentRead: true });
  const indexed = [0, 1].map(async (version) => {
    const { Count } = await call('Query', {
      TableName: 'crash',
      IndexName: 'byVersion',
      KeyConditionExpression: 'gsi = :v',
      ExpressionAttributeValues: { ':v': { S: `version ${version}` } },
    });
    return Count as number;
  });
  const result = { versions: Items.map((item: { version: { N: string } }) => Number(item.version.N)), indexed: await Promise.all(indexed) };
  await service.close?.();
  await context.stop();
  return result;
}

const NOTHING = { versions: [0, 0, 0, 0, 0], indexed: [5, 0] };
const ALL = { versions: [1, 1, 1, 1, 1], indexed: [0, 5] };

describe('a transaction of five items killed with SIGKILL', () => {
  afterEach(() => {
    for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
  });

  it.each(['1', '2', '3', '4', '5'])('leaves nothing when it dies at single write %s', async (count) => {
    expect(await read(await dieAt('single-write', count))).toEqual(NOTHING);
  });

  it('leaves nothing when it dies before the commit and everything when it dies after it', async () => {
    expect(await read(await dieAt('before-commit'))).toEqual(NOTHING);
    expect(await read(await dieAt('after-commit'))).toEqual(ALL);
  });

  it('leaves all or nothing when it dies while the commit is under way', async () => {
    const found = await read(await dieAt('during-commit'));
    expect([NOTHING, ALL]).toContainEqual(found);
  });

  it('leaves nothing when the end of the log is torn, wherever it is torn', async () => {
    const data = await dieAt('after-commit');
    const logOf = (root: string) => {
      const level = join(root, 'dynamodb', 'level');
      const logs = readdirSync(level).filter((name) => name.endsWith('.log'));
      return join(level, logs.sort().at(-1)!);
    };
    const whole = statSync(logOf(data)).size;
    for (const missing of [1, 50, 200, 500, 900]) {
      const torn = folder();
      cpSync(data, torn, { recursive: true });
      truncateSync(logOf(torn), whole - missing);
      expect(await read(torn)).toEqual(NOTHING);
    }
  });
});
