/** The FastAPI peer of seed 003, which lies beside the project where it is installed: its own scripts run it and put it under load. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PeerCpu {
  /** Milliseconds of processor time for each request, one connection. */
  create: number;
  approve: number;
}

/** Scripts of the peers; the variable names another place. */
export const BENCH_PEERS = process.env['BENCH_PEERS'] ?? join(import.meta.dirname, '../../shared/bench');
const SCRIPT = join(BENCH_PEERS, 'rest/run.sh');
const SECONDS = 6;
/** In memory where there is such a file system: the peer is not to pay for a disk. */
const SCRATCH = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Undefined where the peer, or what it needs, is not installed. */
export async function measurePeer(): Promise<PeerCpu | undefined> {
  if (!existsSync(SCRIPT)) return undefined;
  const folder = mkdtempSync(join(SCRATCH, 'greenlight-peer-'));
  try {
    return readPeer(
      await run(['bash', SCRIPT, join(folder, 'peer.db'), String(SECONDS), '1'], { PORT: String(8_000 + (process.pid % 1_000)) }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads the lines of run.sh; undefined when the load did not reach the server. */
export function readPeer(output: string): PeerCpu | undefined {
  const cpuOf = (phase: string) => {
    const [, requests, cpu] = new RegExp(`^${phase} c=1 .* n (\\d+) .*cpu-ms/req ([\\d.]+)`, 'm').exec(output) ?? [];
    return Number(requests) > 0 ? Number(cpu) : undefined;
  };
  const [create, approve] = [cpuOf('create'), cpuOf('approve')];
  return create && approve ? { create, approve } : undefined;
}

function run(words: [string, ...string[]], variables: Record<string, string>): Promise<string> {
  return new Promise((resolve) => {
    const [program, ...args] = words;
    const child = spawn(program, args, { env: { ...process.env, ...variables }, stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', () => resolve(''));
    child.once('close', () => resolve(output));
  });
}
