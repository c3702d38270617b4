/** Two Debian docker-registry servers with the artifacts of the baselines, run by the scripts that lie beside the project where they are installed. */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundleProcess } from './bundle-process.ts';
import type { CopyOrder, CopyReport } from './copy-process.ts';
import { BENCH_PEERS } from './fastapi-peer.ts';

const NEEDED = ['docker-registry', 'skopeo', 'curl', 'jq', 'awk'];
/** In memory where there is such a file system: what is compared are programs, not a disk. */
const SCRATCH = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const ACCEPT = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json';
/** Ports that the scripts use above their base. */
const PORTS = [1, 2, 3];

/** Cost of one command with all its children. */
export interface Cost {
  /** Seconds. */
  wall: number;
  cpu: number;
  output: string;
}

export interface ArtifactSizes {
  /** MiB of each of the 8 layers of the big image. */
  layerMiB: number;
  /** Small artifacts with signature and SBOM. */
  tiny: number;
}

export class CopyPlace {
  readonly source: string;
  readonly target: string;
  /** Digest of an image like the big one, with layers of an eighth. */
  smaller = '';
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.source = `http://127.0.0.1:${port + 1}`;
    this.target = `http://127.0.0.1:${port + 2}`;
    const path = `${process.env['PATH']}:${join(folder, 'bin')}`;
    this.#environment = { ...process.env, PATH: path, BENCH_DIR: folder, BENCH_PORT: String(port) };
  }

  /** Undefined where the scripts or a program that they need are not installed. */
  static async open(sizes: ArtifactSizes): Promise<CopyPlace | undefined> {
    if (!existsSync(join(BENCH_PEERS, 'registries.sh')) || !NEEDED.every(isInstalled)) return undefined;
    const folder = mkdtempSync(join(SCRATCH, 'greenlight-copy-'));
    const place = new CopyPlace(folder, await freeBase());
    try {
      // Only the registry with passwords needs it, which is not used here; it must not keep the others from starting.
      mkdirSync(join(folder, 'bin'));
      writeFileSync(join(folder, 'bin', 'htpasswd'), '#!/bin/sh\n');
      chmodSync(join(folder, 'bin', 'htpasswd'), 0o755);
      await place.script('registries.sh', 'start');
      await place.#makeArtifacts(Math.max(1, Math.round(sizes.layerMiB / 8)), 0);
      place.smaller = await place.digestOf('bench/big', 'v1');
      await place.#makeArtifacts(sizes.layerMiB, sizes.tiny);
      await bundleProcess('copy-process', join(folder, 'bundle'));
      return place;
    } catch (error) {
      await place.close();
      throw error;
    }
  }

  get #bundle(): string {
    return join(this.#folder, 'bundle', 'copy-process.mjs');
  }

  /** Runs one of the scripts; answers what it printed. */
  script(name: string, ...words: string[]): Promise<string> {
    return this.#run('bash', join(BENCH_PEERS, name), ...words);
  }

  /** Empties the target, twice: what the first call has moved aside is deleted by the second, and not while something is measured. */
  async reset(): Promise<void> {
    await this.script('registries.sh', 'reset');
    await this.script('registries.sh', 'reset');
  }

  /** What a command of the peer costs: one of skopeo.sh, which begins with an empty target. */
  skopeo(command: string): Promise<Cost> {
    return this.#timed('bash', join(BENCH_PEERS, 'skopeo.sh'), command);
  }

  /** The big image when the target has it. */
  skopeoAgain(): Promise<Cost> {
    const at = (origin: string) => `docker://${new URL(origin).host}/bench/big:v1`;
    const words = ['copy', '-q', '--all', '--src-tls-verify=false', '--dest-tls-verify=false', at(this.source), at(this.target)];
    return this.#timed('skopeo', ...words);
  }

  /** What our copy costs. */
  async greenlight(order: CopyOrder): Promise<Cost & CopyReport> {
    const cost = await this.#timed(process.execPath, this.#bundle, JSON.stringify(order));
    return { ...cost, ...(JSON.parse(cost.output) as CopyReport) };
  }

  /** Processor seconds that a registry has used so far: fields 14 and 15 of `stat`, in hundredths. */
  registryCpu(name: 'src' | 'dst'): number {
    const pid = readFileSync(join(this.#folder, `${name}.pid`), 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  async digestOf(repository: string, tag: string, origin = this.source): Promise<string> {
    const answer = await fetch(`${origin}/v2/${repository}/manifests/${tag}`, { method: 'HEAD', headers: { accept: ACCEPT } });
    const digest = answer.headers.get('docker-content-digest');
    if (!answer.ok || digest === null) throw new Error(`${origin} answers ${answer.status} for ${repository}:${tag}`);
    return digest;
  }

  async #makeArtifacts(layerMiB: number, tiny: number): Promise<void> {
    await this.#run(process.execPath, join(BENCH_PEERS, 'make-artifacts.mjs'), this.source, `--big-mib=${layerMiB}`, `--tiny=${tiny}`);
  }

  async close(): Promise<void> {
    await this.script('registries.sh', 'stop').catch(() => undefined);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #run(program: string, ...words: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(program, words, { env: this.#environment, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  }

  async #timed(program: string, ...words: string[]): Promise<Cost> {
    const script = 'TIMEFORMAT="%R %U %S"; time "$@"';
    const options = { env: this.#environment, maxBuffer: 64 * 1024 * 1024 };
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script, 'timed', program, ...words], options);
    const [wall, user, system] = stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
    return { wall: wall!, cpu: user! + system!, output: stdout };
  }
}

function isInstalled(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A base above which the ports of the scripts are free. */
async function freeBase(): Promise<number> {
  for (let base = 20_000 + (process.pid % 2_000) * 20; ; base += 20) if (await areFree(PORTS.map((port) => base + port))) return base;
}

async function areFree(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) {
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (!isFree) return false;
  }
  return true;
}
