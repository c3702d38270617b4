/** CRASH-08 and CRASH-09: disks that are full, that lose what they were given, and files that a crash left torn. */
import fs, { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import engine from 'dynalite/db/index.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createFileDurably } from '../../local/durable-file.ts';
import { GrowingFile } from '../../local/growing-file.ts';
import { Journal } from '../../local/registry/journal.ts';
import { Mailbox } from '../../local/ses/mailbox.ts';
import { makeContext, type TestContext } from './context.ts';
import { item, startDynamoDb } from './dynamodb/in-process.ts';
import { startS3 } from './s3/s3-server.ts';

const full = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
const lost = () => Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
const contexts: TestContext[] = [];
/** The clock saves itself each second: it would take the failure that is meant for somebody else. */
const quiet = <Context extends TestContext>(context: Context): Context => {
  context.clock.close();
  return context;
};
const folder = () => {
  const context = quiet(makeContext('disk'));
  contexts.push(context);
  return context.folder;
};

afterEach(async () => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  for (const context of contexts.splice(0)) await context.dispose();
});

/** The next call of a function of `node:fs` goes wrong; those after it are as always. */
function nextOf(name: 'fsyncSync' | 'writeSync', work: (...parameters: never[]) => number | undefined): void {
  const original = fs[name] as (...parameters: unknown[]) => unknown;
  vi.spyOn(fs, name as 'writeSync')
    .mockImplementation(original as never)
    .mockImplementationOnce(work as never);
  syncBuiltinESMExports();
}

/** The methods that every FileHandle of `node:fs/promises` shares. */
async function handles(): Promise<FileHandle> {
  const handle = await open(import.meta.filename, 'r');
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

const mail = (subject: string) => ({
  messageId: subject,
  to: [],
  from: '',
  subject,
  text: '',
  html: '',
  raw: '',
  at: '2026-03-01T10:00:00Z',
  cc: [],
  bcc: [],
});

describe('CRASH-08, CRASH-09: the table', () => {
  it.each([
    ['is full', full],
    ['loses what it was given', lost],
  ])('takes no further write once the disk %s, still reads, and has all that was acknowledged after a restart', async (_, failure) => {
    const { db } = engine.create({ path: folder(), createTableMs: 0, updateTableMs: 0, deleteTableMs: 0 });
    const level = Object.getPrototypeOf(Object.getPrototypeOf(db)) as { batch(...parameters: unknown[]): Promise<void> };
    const batch = level.batch;
    let isBroken = false;
    vi.spyOn(level, 'batch').mockImplementation(function (this: unknown, ...parameters) {
      return isBroken ? Promise.reject(failure()) : batch.apply(this, parameters);
    });
    let table = await startDynamoDb();
    await table.declare();
    const put = (pk: string) => table.call('PutItem', { TableName: 'main', Item: item(pk) });
    const keys = async () => {
      const { body } = await table.call('Scan', { TableName: 'main', ConsistentRead: true });
      return body.Items.map(({ pk }: { pk: { S: string } }) => pk.S).sort();
    };
    expect((await put('before')).status).toBe(200);
    isBroken = true;
    expect((await put('refused')).status).toBe(500);
    isBroken = false;
    // The disk says "ok" again: what was computed on top of the lost write must not be kept.
    expect((await put('after')).status).toBe(500);
    expect(await keys()).toEqual(['before']);
    table = await table.restart();
    expect(await keys()).toEqual(['before']);
    expect((await put('after')).status).toBe(200);
    expect(await keys()).toEqual(['after', 'before']);
    await table.dispose();
  });
});

describe('CRASH-08, CRASH-09: the bucket of the log', () => {
  const start = async (data?: string) => {
    const server = await startS3(data === undefined ? {} : { data });
    quiet(server.context);
    if (data === undefined) await fetch(`${server.origin}/log`, { method: 'PUT', headers: { 'x-amz-bucket-object-lock-enabled': 'true' } });
    const put = async (key: string) =>
      (
        await fetch(`${server.origin}/log/${key}`, {
          method: 'PUT',
          body: `line of ${key}\n`,
          headers: { 'if-none-match': '*', connection: 'close' },
        }).catch(() => undefined)
      )?.status;
    const get = async (key: string) => {
      const answer = await fetch(`${server.origin}/log/${key}`, { headers: { connection: 'close' } });
      return answer.ok ? answer.text() : answer.status;
    };
    const versions = join(server.context.folder, 'buckets', 'log', 'versions');
    const stop = async () => {
      await server.service.close?.();
      await server.context.stop();
    };
    return { put, get, versions, stop, data: server.context.data, dispose: () => server.context.dispose() };
  };

  it.each([
    ['the bytes', async () => void vi.spyOn(await handles(), 'sync').mockImplementationOnce(() => Promise.reject(full()))],
    ['the end of the bytes', async () => void vi.spyOn(await handles(), 'writeFile').mockImplementationOnce(() => Promise.reject(full()))],
    [
      'the version',
      async () =>
        nextOf('writeSync', () => {
          throw full();
        }),
    ],
    [
      'the version, when synced,',
      async () =>
        nextOf('fsyncSync', () => {
          throw lost();
        }),
    ],
  ])('is as it was when %s cannot be written, and takes the same object later as a new file', async (_, breakDisk) => {
    const bucket = await start();
    expect(await bucket.put('a')).toBe(200);
    const before = readdirSync(bucket.versions).sort();
    await breakDisk();
    expect(await bucket.put('b')).not.toBe(200);
    vi.restoreAllMocks();
    syncBuiltinESMExports();
    expect(readdirSync(bucket.versions).sort()).toEqual(before);
    expect(await bucket.get('b')).toBe(404);
    expect(await bucket.put('b')).toBe(200);
    await bucket.stop();
    const again = await start(bucket.data);
    expect([await again.get('a'), await again.get('b')]).toEqual(['line of a\n', 'line of b\n']);
    await again.stop();
    await again.dispose();
  });

  it('takes a name back of which it is not known that it stays', () => {
    const file = join(folder(), 'name');
    let synced = 0;
    const original = fs.fsyncSync;
    vi.spyOn(fs, 'fsyncSync').mockImplementation((handle) => {
      if (++synced === 2) throw lost();
      original(handle);
    });
    syncBuiltinESMExports();
    expect(() => createFileDurably(file, 'content')).toThrow('EIO');
    expect(readdirSync(join(file, '..'))).toEqual([]);
  });

  it('starts with what a crash left torn, and drops what was never acknowledged', async () => {
    const bucket = await start();
    for (const key of ['a', 'b', 'c']) expect(await bucket.put(key)).toBe(200);
    await bucket.stop();
    const fileOf = (key: string) =>
      readdirSync(bucket.versions).find(
        (name) => name.endsWith('.json') && (JSON.parse(readFileSync(join(bucket.versions, name), 'utf8')) as { key: string }).key === key,
      )!;
    // A version without content, one of which half the bytes are missing, bytes that no version names, and a write that was under way.
    const [empty, half] = [fileOf('b'), fileOf('c')];
    writeFileSync(join(bucket.versions, empty), '');
    writeFileSync(join(bucket.versions, half.replace('.json', '.data')), 'line');
    writeFileSync(join(bucket.versions, `${'0'.repeat(32)}.data`), 'line of d\nline');
    writeFileSync(join(bucket.versions, `${'1'.repeat(32)}.tmp`), '');
    const again = await start(bucket.data);
    expect([await again.get('a'), await again.get('b'), await again.get('c')]).toEqual(['line of a\n', 404, 404]);
    expect(readdirSync(again.versions)).toHaveLength(2);
    expect(await again.put('b')).toBe(200);
    await again.stop();
    await again.dispose();
  });
});

describe('CRASH-08, CRASH-09: a file that grows', () => {
  it('ends with its first failure: the next sync may say ok of what is lost', () => {
    const journal = new GrowingFile(join(folder(), 'lines'));
    journal.append('one\n');
    nextOf('fsyncSync', () => {
      throw lost();
    });
    expect(() => journal.sync()).toThrow('EIO');
    for (const work of [() => journal.sync(), () => journal.append('two\n'), () => journal.empty()]) expect(work).toThrow('EIO');
    journal.close();
  });

  it('half of whose line is on the disk takes no other behind it, and is whole again after a restart', () => {
    const place = folder();
    const mailbox = new Mailbox(place);
    mailbox.add(mail('before'));
    nextOf('writeSync', () => {
      appendFileSync(join(place, 'inbox.jsonl'), '{"messageId":"torn","to":[');
      throw full();
    });
    expect(() => mailbox.add(mail('torn'))).toThrow('ENOSPC');
    expect(() => mailbox.add(mail('after'))).toThrow('ENOSPC');
    expect(mailbox.list().map(({ subject }) => subject)).toEqual(['before']);
    mailbox.close();
    const again = new Mailbox(place);
    again.add(mail('after'));
    again.close();
    expect(new Mailbox(place).list().map(({ subject }) => subject)).toEqual(['before', 'after']);
  });

  it('of a registry is the same', async () => {
    const file = join(folder(), 'journal.jsonl');
    const openJournal = (into: string[]) =>
      Journal.open<string>(
        file,
        (record) => into.push(record),
        () => [],
      );
    const journal = await openJournal([]);
    await journal.append('before');
    vi.spyOn(await handles(), 'datasync').mockImplementationOnce(() => Promise.reject(lost()));
    await expect(journal.append('lost')).rejects.toThrow('EIO');
    await expect(journal.append('after')).rejects.toThrow('EIO');
    await journal.close();
    appendFileSync(file, '"torn');
    const found: string[] = [];
    const again = await openJournal(found);
    // What was written without being acknowledged may be there; what came behind it is not.
    expect(found.filter((record) => record !== 'lost')).toEqual(['before']);
    await again.append('after');
    await again.close();
    const whole: string[] = [];
    await (await openJournal(whole)).close();
    expect(whole.filter((record) => record !== 'lost')).toEqual(['before', 'after']);
  });
});
