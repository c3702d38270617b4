import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const SUITE = join(ROOT, '../shared/suites/s3.suite.mjs');
const available = existsSync(SUITE);
if (!available) console.warn('S3 contract suite skipped: ../shared/suites/s3.suite.mjs is not beside this checkout');

describe.skipIf(!available)('the S3 contract suite', () => {
  const data = mkdtempSync(join(tmpdir(), 'greenlight-s3-suite-'));
  let child: ChildProcess | undefined;

  afterAll(() => {
    child?.kill('SIGKILL');
    rmSync(data, { recursive: true, force: true });
  });

  test('passes, and its locks survive kill -9', async () => {
    const first = await serve();
    const run = await suite(first, {});
    expect(run).toContain('25 passed, 0 failed');

    child!.kill('SIGKILL');
    await once(child!, 'exit');
    const second = await serve();

    const reopened = await suite(second, { SUITE_PHASE: 'reopen' });
    expect(reopened).toContain('3 passed, 0 failed');
  });

  async function serve(): Promise<string> {
    child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('./serve-s3.ts', import.meta.url)), data], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [origin] = (await once(child.stdout!, 'data')) as [Buffer];
    return origin.toString().trim();
  }

  function suite(origin: string, options: Record<string, string>): Promise<string> {
    const env = { ...process.env, S3_ENDPOINT: origin, SUITE_BUCKET: 'keep', AWS_REGION: 'eu-central-1', ...options };
    return new Promise((resolve) => {
      execFile(process.execPath, ['--no-warnings', SUITE], { cwd: ROOT, env }, (_error, stdout, stderr) => resolve(stdout + stderr));
    });
  }
});
