/** Runs the command line `greenlight` as a user does: its own process, its exit code, its JSON. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './demo-cloud.ts';

export interface CommandResult {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/** Bundle that the start of the cloud has built. */
const PROGRAM = join(ROOT, 'dist/cli/greenlight.mjs');

export function greenlight(words: readonly string[]): Promise<CommandResult> {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' };
  for (const name of ['GREENLIGHT_API', 'GREENLIGHT_TOKEN']) delete env[name];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...words], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const result: CommandResult = { exitCode: null, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (result.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (result.stderr += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...result, exitCode: code }));
  });
}

/** The JSON of a command that must end with 0; throws with what it said otherwise. */
export async function greenlightJson<Value>(words: readonly string[]): Promise<Value> {
  const { exitCode, stdout, stderr } = await greenlight([...words, '--json']);
  if (exitCode !== 0) throw new Error(`greenlight ${words.join(' ')} ended with ${exitCode}: ${stderr.trim() || stdout.trim()}`);
  return JSON.parse(stdout) as Value;
}
