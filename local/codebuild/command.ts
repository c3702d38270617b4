/** Runs one command of a build as its own process group; the shell's folder and exported variables pass on to the next command, as in one shell instance. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CommandRun {
  /** Folder of the files that carry the shell's state from command to command. */
  state: string;
  /** Folder in which the first command starts. */
  work: string;
  environment: Record<string, string>;
  onOutput(chunk: Buffer): void;
  onStart(processGroup: number): void;
  /** Ends the process group when it aborts. */
  signal: AbortSignal;
}

/** Time between SIGTERM and SIGKILL. */
const GRACE_MS = 2_000;
/** How long to wait for the last output when a process that left the group keeps the pipes open. */
const PIPES_MS = 1_000;

/** Exit code of the command; 128 and more when a signal ended it. */
export async function runCommand(command: string, run: CommandRun): Promise<number> {
  if (run.signal.aborted) return 143;
  const child = spawn('/bin/sh', ['-c', wrap(command, run)], {
    cwd: run.work,
    env: run.environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) run.onStart(child.pid);
  child.stdout.on('data', run.onOutput);
  child.stderr.on('data', run.onOutput);
  const abort = () => endGroup(child);
  run.signal.addEventListener('abort', abort, { once: true });
  try {
    return await exitCode(child);
  } finally {
    run.signal.removeEventListener('abort', abort);
  }
}

/** Sends a signal to a process group; false when it is gone. */
export function killGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}

/** Variables that the commands exported, by name; those of `names` that are set. */
export function exportedVariables(state: string, names: string[]): { name: string; value: string }[] {
  let values: Map<string, string>;
  try {
    const pairs = readFileSync(join(state, 'values'), 'utf8').split('\0');
    values = new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
  } catch {
    values = new Map();
  }
  return names.flatMap((name) => (values.has(name) ? [{ name, value: values.get(name)! }] : []));
}

/** Restores the state, runs the command, and saves the state whatever way the shell exits. */
function wrap(command: string, { state, environment }: CommandRun): string {
  const quoted = (name: string) => `'${join(state, name).replaceAll("'", `'\\''`)}'`;
  return [
    `if [ -f ${quoted('exports')} ]; then . ${quoted('exports')}; cd "$(cat ${quoted('folder')})" || exit 1; fi`,
    `trap 'GL_STATUS=$?; export -p > "$GL_EXPORTS"; pwd > "$GL_FOLDER"; env -0 > "$GL_VALUES"; exit $GL_STATUS' EXIT`,
    `GL_EXPORTS=${quoted('exports')} GL_FOLDER=${quoted('folder')} GL_VALUES=${quoted('values')}`,
    // The restored state holds the value of an earlier phase.
    `export CODEBUILD_BUILD_SUCCEEDING=${environment['CODEBUILD_BUILD_SUCCEEDING'] === '1' ? 1 : 0}`,
    command,
  ].join('\n');
}

function exitCode(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (code, signal) => {
      const status = code ?? (signal === 'SIGKILL' ? 137 : 143);
      // What a command left in the background ends with it: nothing of a build outlives it, and the pipes close.
      if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
      const limit = setTimeout(() => resolve(status), PIPES_MS);
      child.once('close', () => {
        clearTimeout(limit);
        resolve(status);
      });
    });
  });
}

function endGroup(child: ChildProcess): void {
  const group = child.pid;
  if (group === undefined || !killGroup(group, 'SIGTERM')) return;
  const timer = setTimeout(() => killGroup(group, 'SIGKILL'), GRACE_MS);
  child.once('exit', () => clearTimeout(timer));
}
