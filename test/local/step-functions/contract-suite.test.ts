import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';

const suite = resolve('../shared/suites/sfn.suite.mjs');

test.skipIf(!existsSync(suite))(`passes the Step Functions contract suite (skipped where ${suite} does not exist)`, () => {
  const env = { ...process.env, SFN_ENGINE: './test/sfn-hook.mjs' };
  const { stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', suite], { env, encoding: 'utf8' });
  expect(stdout + stderr).toContain('22 passed, 0 failed');
});
