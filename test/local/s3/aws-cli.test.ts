import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type S3Server, startS3 } from './s3-server.ts';

const available = isInstalled();
if (!available) console.warn('AWS CLI tests of S3 skipped: `aws` is not installed');

function isInstalled(): boolean {
  try {
    return /^aws-cli\//.test(execFileSync('aws', ['--version'], { encoding: 'utf8' }));
  } catch {
    return false;
  }
}

describe.skipIf(!available)('the AWS CLI', () => {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-aws-cli-'));
  let server: S3Server;

  beforeAll(async () => {
    server = await startS3();
  });
  afterAll(async () => {
    await server.context.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  test('puts under lock, lists, reads back, and is refused the deletion', async () => {
    const source = join(folder, 'source');
    const target = join(folder, 'target');
    writeFileSync(source, '{"n":1}');
    await aws('create-bucket', '--bucket', 'log', '--object-lock-enabled-for-bucket');
    const rule = 'ObjectLockEnabled=Enabled,Rule={DefaultRetention={Mode=COMPLIANCE,Days=1}}';
    await aws('put-object-lock-configuration', '--bucket', 'log', '--object-lock-configuration', rule);
    const { VersionId } = await aws('put-object', '--bucket', 'log', '--key', 'batch/1 ä.json', '--body', source);

    const buckets = await aws('list-buckets');
    const lock = await aws('get-object-lock-configuration', '--bucket', 'log');
    const versions = await aws('list-object-versions', '--bucket', 'log');
    const retention = await aws('get-object-retention', '--bucket', 'log', '--key', 'batch/1 ä.json');
    await aws('get-object', '--bucket', 'log', '--key', 'batch/1 ä.json', target);
    const deletion = aws('delete-object', '--bucket', 'log', '--key', 'batch/1 ä.json', '--version-id', VersionId);

    expect(buckets.Buckets[0].Name).toBe('log');
    expect(lock.ObjectLockConfiguration.Rule.DefaultRetention).toEqual({ Mode: 'COMPLIANCE', Days: 1 });
    expect(versions.Versions.map((version: { Key: string; VersionId: string }) => [version.Key, version.VersionId])).toEqual([
      ['batch/1 ä.json', VersionId],
    ]);
    expect(retention.Retention.Mode).toBe('COMPLIANCE');
    expect(readFileSync(target, 'utf8')).toBe('{"n":1}');
    await expect(deletion).rejects.toThrow(/AccessDenied.*protected by object lock/);
  });

  // biome-ignore lint/suspicious/noExplicitAny: the answers of the CLI are free-form JSON.
  function aws(...command: string[]): Promise<any> {
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      PYENV_ROOT: process.env.PYENV_ROOT,
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_DEFAULT_REGION: 'eu-central-1',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const argv = ['--endpoint-url', server.origin, '--output', 'json', 's3api', ...command];
    return new Promise((resolve, reject) => {
      execFile('aws', argv, { env: env as NodeJS.ProcessEnv }, (error, stdout, stderr) => {
        if (error) reject(new Error(stderr));
        else resolve(stdout.trim() ? JSON.parse(stdout) : {});
      });
    });
  }
});
