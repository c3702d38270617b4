/**
 * The stacks as `npm start` makes them: bundles and cloud assembly, made once for all flow tests of the same sources and kept for the next run.
 * A changed configuration makes another pair.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { IssuerPerson } from '../../local/issuer/people.ts';
import { readPeopleOf } from './people.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Everything that the bundles and templates are made of. */
const PARTS = [
  'adapters',
  'bin',
  'cli',
  'console',
  'core',
  'functions',
  'lib',
  'scripts',
  'statemachines',
  'package-lock.json',
  'greenlight.yaml',
];
/** Beside the installed packages: nobody else can put anything there, and `npm ci` clears it. */
const CACHE = join(ROOT, 'node_modules', '.cache', 'greenlight-flows');
/** Longest build with a busy machine. */
const LIMIT_MS = 500_000;
/** What has not been used for so long belongs to sources that are gone. */
const KEPT_MS = 3_600_000;

export interface Assembly {
  /** Folder for `startCloud`. */
  folder: string;
  people: IssuerPerson[];
}

/** Text of greenlight.yaml, changed by a test. */
export type ConfigurationChange = (yaml: string) => string;

/** Prod waits for a person's word, and for decisions one day instead of seven: the clock has less to walk through. */
export const CAREFUL_PROD: ConfigurationChange = (yaml) =>
  yaml.replace('approval_timeout_days: 7', 'approval_timeout_days: 1').replace('execute: auto', 'execute: manual');

/** Builds and synthesizes unless that was done for these very sources; who comes second waits for the first. */
export async function synthesize(change: ConfigurationChange = (yaml) => yaml): Promise<Assembly> {
  const configuration = change(readFileSync(join(ROOT, 'greenlight.yaml'), 'utf8'));
  mkdirSync(CACHE, { recursive: true });
  const place = join(CACHE, hashOf(configuration));
  await once(place, async () => {
    const work = mkdtempSync(join(CACHE, 'work-'));
    const file = join(work, 'greenlight.yaml');
    writeFileSync(file, configuration);
    // The final folder is in the assembly's asset paths, so that it is built where it stays.
    const env = { ...process.env, GREENLIGHT_CONFIG: file, GREENLIGHT_BUILD: join(place, 'build'), CDK_OUTDIR: join(place, 'cdk.out') };
    rmSync(place, { recursive: true, force: true });
    for (const script of ['scripts/build.ts', 'bin/app.ts']) {
      await promisify(execFile)(process.execPath, ['--import', 'tsx', script], { cwd: ROOT, env, maxBuffer: 64 * 1024 * 1024 });
    }
    rmSync(work, { recursive: true, force: true });
  });
  return { folder: join(place, 'cdk.out'), people: readPeopleOf(join(place, 'build')) };
}

/** A copy of an assembly whose template of the control plane was changed, e.g. by taking a permission away. */
export function changeTemplate(assembly: Assembly, change: (template: Template) => void): Assembly & { dispose(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-changed-'));
  cpSync(assembly.folder, folder, { recursive: true });
  const file = join(folder, 'Greenlight.template.json');
  const template = JSON.parse(readFileSync(file, 'utf8')) as Template;
  change(template);
  writeFileSync(file, JSON.stringify(template));
  return { ...assembly, folder, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}

/** What stands in the policies of the function's role: statements are changed in place. */
export function statementsOf(template: Template, role: string): Statement[] {
  const policies = Object.entries(template.Resources).filter(
    ([id, { Type }]) => Type === 'AWS::IAM::Policy' && id.startsWith(`${role}Policy`),
  );
  if (policies.length !== 1) throw new Error(`${policies.length} policies of ${role}`);
  return policies[0]![1].Properties.PolicyDocument.Statement as Statement[];
}

export interface Statement {
  Action: string | string[];
  Condition?: Record<string, Record<string, string[]>>;
}

export interface Template {
  // biome-ignore lint/suspicious/noExplicitAny: CloudFormation properties have as many shapes as types
  Resources: Record<string, { Type: string; Properties: any }>;
}

function hashOf(configuration: string): string {
  const hash = createHash('sha256').update(configuration);
  const add = (path: string): void => {
    const absolute = join(ROOT, path);
    if (statSync(absolute).isDirectory()) for (const name of readdirSync(absolute).sort()) add(join(path, name));
    else hash.update(`\0${path}\0`).update(readFileSync(absolute));
  };
  for (const part of PARTS) add(part);
  return hash.digest('hex').slice(0, 24);
}

/** Runs `make` in one process at a time, and not at all once it has succeeded. A lock whose holder died is taken over. */
async function once(place: string, make: () => Promise<void>): Promise<void> {
  const [done, lock] = [join(place, 'done'), `${place}.lock`];
  for (const end = performance.now() + LIMIT_MS; performance.now() < end; await sleep(100)) {
    if (existsSync(done)) {
      const now = new Date();
      utimesSync(place, now, now);
      return;
    }
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
    } catch {
      releaseDead(lock);
      continue;
    }
    try {
      if (existsSync(done)) return;
      removeOld();
      await make();
      writeFileSync(done, '');
      return;
    } finally {
      rmSync(lock, { force: true });
    }
  }
  throw new Error(`nobody built ${place} within ${LIMIT_MS / 1000} s`);
}

function releaseDead(lock: string): void {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    if (pid > 0) process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') return;
    // Renamed first: of two that see the dead holder only one removes its lock.
    try {
      renameSync(lock, `${lock}.${process.pid}`);
      rmSync(`${lock}.${process.pid}`, { force: true });
    } catch {}
  }
}

function removeOld(): void {
  for (const name of readdirSync(CACHE)) {
    const path = join(CACHE, name);
    // Who builds beside this one takes its lock and its work folder away meanwhile.
    const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
    if (Date.now() - mtimeMs > KEPT_MS) rmSync(path, { recursive: true, force: true });
  }
}
