/** Builds and synthesizes a copy of the sources in a temporary folder, so that tests which run at the same time do not meet in `dist`. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './sources.ts';

const PARTS = [
  'adapters',
  'bin',
  'cli',
  'core',
  'console',
  'functions',
  'lib',
  'scripts',
  'statemachines',
  'package.json',
  'tsconfig.json',
  'greenlight.yaml',
];

export interface Template {
  Parameters: Record<string, { Type: string; Default?: string; AllowedValues?: string[] }>;
  Resources: Record<string, Resource>;
}

export interface Resource {
  Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: CloudFormation properties have as many shapes as types
  Properties: any;
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
}

export interface BuiltCopy {
  /** Folder `dist` of the copy. */
  dist: string;
  /** Synthesizes as well (cdk-nag included: a finding fails it) and answers the templates by stack name. */
  synthesize(): Promise<{ state: Template; controlPlane: Template; output: string }>;
  dispose(): void;
}

/** Copies, links the installed packages, and runs scripts/build.ts. */
export async function buildCopy(): Promise<BuiltCopy> {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-build-'));
  for (const part of PARTS) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const { CDK_OUTDIR: _outdir, ...present } = process.env;
  // Without a word about where, as `npm run synth` runs: into cdk.out beside the sources.
  const environment = { ...present, GREENLIGHT_CONFIG: join(folder, 'greenlight.yaml') };
  const run = async (script: string) => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], { cwd: folder, env: environment });
    return stdout + stderr;
  };
  await run('scripts/build.ts');
  const template = (stack: string) => JSON.parse(readFileSync(join(folder, 'cdk.out', `${stack}.template.json`), 'utf8')) as Template;
  return {
    dist: join(folder, 'dist'),
    async synthesize() {
      const output = await run('bin/app.ts');
      return { state: template('GreenlightState'), controlPlane: template('Greenlight'), output };
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}
