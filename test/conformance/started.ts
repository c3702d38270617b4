/** `npm start` as a user starts it, on free ports over a folder of its own, and the programs that speak to it from outside. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '..', '..');
/** It builds and synthesizes first, on a machine that may be busy. */
const READY_MS = 400_000;

export interface Endpoints {
  api: string;
  aws: string;
  awsAdmin: { accessKeyId: string; secretAccessKey: string };
  mail: string;
  registries: Record<string, string>;
  kubeconfig: string;
  apps: Record<string, string>;
  signing: { privateKey: string; publicKey: string };
  auditPublicKey: string;
}

export interface Started {
  endpoints: Endpoints;
  data: string;
  /** Folder for files of the test. */
  folder: string;
  /** Runs a program to its end; answers stdout, throws with stderr. */
  run(program: string, ...args: string[]): Promise<string>;
  aws(...args: string[]): Promise<string>;
  /** Bearer token of a demo person. */
  token(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** Whether a program is there; says so when it is not, because its tests are skipped then. */
export function installed(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    console.warn(`${program} is not installed: the tests that need it are skipped`);
    return false;
  }
}

export async function start(timeScale = 0.1): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-outside-'));
  const data = join(folder, 'data');
  const args = ['--import', 'tsx', 'local/start.ts', '--port', '0', '--data', data, '--time-scale', String(timeScale)];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  await ready(child).catch((error: unknown) => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  const endpoints = JSON.parse(readFileSync(join(data, 'endpoints.json'), 'utf8')) as Endpoints;
  const environment = {
    PATH: process.env['PATH'],
    HOME: folder,
    KUBECONFIG: endpoints.kubeconfig,
    AWS_ENDPOINT_URL: endpoints.aws,
    AWS_ACCESS_KEY_ID: endpoints.awsAdmin.accessKeyId,
    AWS_SECRET_ACCESS_KEY: endpoints.awsAdmin.secretAccessKey,
    AWS_REGION: 'eu-central-1',
    AWS_DEFAULT_REGION: 'eu-central-1',
    AWS_PAGER: '',
    REGISTRY_AUTH_FILE: join(folder, 'auth.json'),
  };
  const run = async (program: string, ...words: string[]) => {
    const { stdout } = await promisify(execFile)(program, words, {
      env: environment,
      cwd: ROOT,
      timeout: 300_000,
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout;
  };
  return {
    endpoints,
    data,
    folder,
    run,
    aws: (...words) => run('aws', '--output', 'json', ...words),
    token: async (name) =>
      (await run(process.execPath, '--import', 'tsx', 'bin/greenlight.ts', 'token', '--as', name, '--data', data)).trim(),
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await Promise.race([ended, sleep(15_000)]);
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`not ready within ${READY_MS / 1000} s:\n${output.slice(-2_000)}`)), READY_MS);
    const settle = (done: () => void) => {
      clearTimeout(timer);
      done();
    };
    child.stderr!.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stdout!.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('ready http://127.0.0.1:')) settle(resolve);
    });
    child.once('exit', (code) => settle(() => reject(new Error(`npm start ended with ${code}:\n${output.slice(-2_000)}`))));
  });
}
