/** The demo's own local cloud: a child process on free ports with data that nobody else uses, started as `npm start` does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What the demo reads of `endpoints.json`. */
export interface DemoEndpoints {
  api: string;
  aws: string;
  awsAdmin: { accessKeyId: string; secretAccessKey: string };
  mail: string;
  slack: string;
  /** Origin of the program that gets events. */
  webhooks: string;
  registries: { dev: string; staging: string; prod: string };
  kubeconfig: string;
  ca: string;
  apps: Record<string, string>;
  signing: { privateKey: string; publicKey: string };
  auditPublicKey: string;
}

export interface DemoCloud {
  dataFolder: string;
  endpoints: DemoEndpoints;
  pid: number;
  /** Stops it and waits until it is gone. */
  stop(): Promise<void>;
}

/** Longest start: it builds and synthesizes first. */
const START_LIMIT_MS = 180_000;
const STOP_LIMIT_MS = 20_000;

/**
 * Starts a cloud whose data and log (`start.log`) lie in `folder`. `abort` ends the start; `more` words are added to those of `npm start`. Throws with the
 * end of the log when it does not come up.
 */
export async function startDemoCloud(
  folder: string,
  timeScale: number,
  abort: AbortSignal,
  ...more: readonly string[]
): Promise<DemoCloud> {
  const dataFolder = join(folder, 'data');
  const logFile = join(folder, 'start.log');
  const words = ['--import', 'tsx', 'local/start.ts', '--port', '0', '--data', dataFolder, '--time-scale', String(timeScale), ...more];
  const child = spawn(process.execPath, words, { cwd: ROOT, stdio: ['ignore', 'pipe', openSync(logFile, 'a')], detached: true });
  // Nothing may outlive a demo that ends in an unforeseen way. The child leads a group: while it starts, it has children of its own.
  const kill = () => killGroup(child);
  process.prependOnceListener('exit', kill);
  try {
    await ready(child, logFile, abort);
  } catch (error) {
    killGroup(child);
    await gone(child);
    throw error;
  }
  return {
    dataFolder,
    endpoints: JSON.parse(readFileSync(join(dataFolder, 'endpoints.json'), 'utf8')) as DemoEndpoints,
    pid: child.pid!,
    stop: async () => {
      await stop(child);
      process.off('exit', kill);
    },
  };
}

function ready(child: ChildProcess, logFile: string, abort: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (why: string) => reject(new Error(`${why}; the end of ${logFile}:\n${readFileSync(logFile, 'utf8').slice(-2_000)}`));
    const limit = setTimeout(() => failed(`not ready within ${START_LIMIT_MS / 1000} s`), START_LIMIT_MS);
    let output = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (!/^ready /m.test(output)) return;
      clearTimeout(limit);
      resolve();
    });
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      failed(`the local cloud ended with ${signal ?? code}`);
    });
    abort.addEventListener('abort', () => {
      clearTimeout(limit);
      reject(new Error('interrupted'));
    });
  });
}

/** Lets work under way end, then makes sure. */
async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  const limit = setTimeout(() => killGroup(child), STOP_LIMIT_MS);
  await gone(child);
  clearTimeout(limit);
  killGroup(child);
}

async function gone(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is empty.
  }
}
