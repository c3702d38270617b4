/** Hostile and plain cases of the command line that belong to no single verb. */
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { greenlight, type ScriptedApi, scriptApi } from './command-line.ts';

const folder = mkdtempSync(join(tmpdir(), 'greenlight-cases-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let api: ScriptedApi | undefined;
afterEach(() => api?.close());

describe('CLI-05 where stdout is closed early, as by `| head -1`', () => {
  it('ends without a stack trace', async () => {
    const program = join(import.meta.dirname, '../../bin/greenlight.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', program, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let told = '';
    child.stderr.on('data', (part) => (told += part));
    const exitCode = await new Promise((resolve) => child.on('close', resolve));
    expect([exitCode, told.replaceAll(/\(node:.*\n|\(Use .*\n/g, '')]).toEqual([0, '']);
  });
});

describe('CLI-09 audit verify', () => {
  const pem = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const key = pem('good.pem', generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString());
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  const verify = (place: string, file: string) => greenlight(['audit', 'verify', place, '--key', file]);

  it.each([
    ['a folder that does not exist', () => verify(join(folder, 'nowhere'), key)],
    ['a file in the place of a folder', () => verify(key, key)],
    ['a key that does not exist', () => verify(empty, join(folder, 'no.pem'))],
    ['a key file that holds none', () => verify(empty, pem('text.pem', 'hello'))],
    [
      'a private key of another kind',
      () =>
        verify(
          empty,
          pem('rsa.pem', generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey.export({ type: 'spki', format: 'pem' }).toString()),
        ),
    ],
  ])('takes %s for a mistake of whoever typed it: exit 2, never 1 and never 0', async (_what, run) => {
    const { exitCode, stderr } = await run();
    expect([exitCode, stderr.split('\n')[0]]).toEqual([2, expect.stringMatching(/^greenlight/)]);
  });

  it('does not call a folder valid that holds no log: wrong or emptied, nothing was verified', async () => {
    const { exitCode, stdout, stderr } = await verify(empty, key);
    expect([exitCode, stdout, stderr]).toEqual([2, '', expect.stringContaining('holds no audit log')]);
  });
});

describe('CLI-03 verify-copy', () => {
  it('that could not compare says so with exit 6: it found nothing to repair', async () => {
    const failure = { code: 'UNAVAILABLE', message: 'the registry does not answer' };
    const other = { name: 'b', role: 'secondary', complete: true, missing: [] };
    const report = { artifact: 'site', environment: 'prod', version: '1.0.0', digest: 'sha256:1', complete: false };
    const away = { name: 'a', role: 'primary', complete: false, missing: [], failure };
    const run = async (registries: object[]) => {
      await api?.close();
      api = await scriptApi(() => ({ body: { ...report, registries } }));
      const { exitCode, stderr } = await greenlight(['verify-copy', '1.0.0', 'prod', '--artifact', 'site'], { env: api.env });
      return [exitCode, stderr.includes('repair it')];
    };
    expect(await run([away, other])).toEqual([6, false]);
    expect(await run([away, { ...other, complete: false }])).toEqual([1, true]);
  });
});

describe('CLI-10 a server of another version', () => {
  it('may answer more than this program knows', async () => {
    const items = [{ environment: 'prod', tier: 'production', artifacts: [], invented: { deep: [1] } }];
    api = await scriptApi((request) => ({ body: request.endsWith('/environments') ? { items, alsoInvented: true } : items[0] }));
    expect(await greenlight(['status'], { env: api.env })).toMatchObject({ exitCode: 0, stderr: 'there is nothing to show\n' });
  });

  it('that answers less is not met with the words of an engine', async () => {
    api = await scriptApi((request) => ({ body: request.endsWith('/environments') ? { items: [{ environment: 'prod' }] } : {} }));
    const { exitCode, stderr } = await greenlight(['status'], { env: api.env });
    expect([exitCode, stderr]).toEqual([6, expect.stringMatching(/does not understand the answer.*BAD_ANSWER[\s\S]*another version/)]);
  });

  it('that knows a route not yet is named as what it is', async () => {
    api = await scriptApi(() => ({ status: 404, body: { code: 'NOT_FOUND', detail: 'there is nothing here', hint: 'see /docs' } }));
    const { exitCode, stderr } = await greenlight(['policy', 'list'], { env: api.env });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('may be older')]);
  });
});
