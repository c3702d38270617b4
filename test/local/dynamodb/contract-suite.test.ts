import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SUITE = join(ROOT, '../shared/suites/ddb.suite.mjs');
const isThere = existsSync(SUITE);
if (!isThere) console.warn('SKIPPED: the DynamoDB contract suite is not at ../shared/suites/ddb.suite.mjs');

const children: ChildProcess[] = [];
const data = mkdtempSync(join(tmpdir(), 'greenlight-suite-'));

function start(program: string[], environment: Record<string, string> = {}): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, ['--no-warnings', ...program], { cwd: ROOT, env: { ...process.env, ...environment } });
  children.push(child);
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    text += chunk;
  });
  return { child, output: () => text };
}

const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));

async function serve(): Promise<{ child: ChildProcess; origin: string }> {
  const { child, output } = start(['--import', 'tsx', 'test/local/dynamodb/serve.ts', data]);
  const origin = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', () => {
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(output())?.[0];
      if (found) resolve(found);
    });
    child.once('exit', () => reject(new Error(output())));
  });
  return { child, origin };
}

async function suite(environment: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const { child, output } = start([SUITE], environment);
  return { code: await ended(child), output: output() };
}

describe.skipIf(!isThere)('the DynamoDB contract suite (skipped without ../shared/suites)', () => {
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(data, { recursive: true, force: true });
  });

  it('passes all 25 checks, and its item survives kill -9', async () => {
    const first = await serve();
    const checks = await suite({ DYNAMODB_ENDPOINT: first.origin, SUITE_TABLE: 'keep' });
    expect(checks.output).toContain('25 passed, 0 failed');
    const gone = ended(first.child);
    first.child.kill('SIGKILL');
    await gone;
    const second = await serve();
    const reopened = await suite({ DYNAMODB_ENDPOINT: second.origin, SUITE_TABLE: 'keep', SUITE_PHASE: 'reopen' });
    expect(reopened.output).toContain('1 passed, 0 failed');
  });
});
