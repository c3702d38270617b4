/** The program from its words to its exit code: nothing is thrown out of here, and no stack trace reaches a person. */
import { createInterface } from 'node:readline/promises';
import { CommanderError } from 'commander';
import { CommandFailure, EXIT } from './failure.ts';
import { withReadableArrows } from './operands.ts';
import { holdsToken, oneLine, visible, withoutTokens } from './output.ts';
import { createProgram } from './program.ts';
import type { Surroundings } from './session.ts';

/** Help that was asked for is no mistake. */
const HELP = new Set(['commander.helpDisplayed', 'commander.version']);

/** Runs one command line (without node and script) and answers its exit code. */
export async function run(argv: readonly string[], around: Surroundings): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = createProgram({ around, finish: (code) => (exitCode = code) });
  // `floe platform …` is the same program.
  const words = withReadableArrows(argv[0] === 'platform' ? argv.slice(1) : argv);
  if (words.some(holdsToken)) {
    around.stderr.write(
      'greenlight: warning: a token on the command line can be read by others here and stays in the history of the shell\n',
    );
    around.stderr.write('  revoke it, and give tokens in GREENLIGHT_TOKEN\n');
  }
  try {
    await program.parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return HELP.has(error.code) ? EXIT.done : EXIT.usage;
    return report(error, words.includes('--json'), around);
  }
}

/** One sentence and one hint on stderr; with `--json` an object on stdout. */
function report(error: unknown, json: boolean, { stdout, stderr }: Surroundings): number {
  const failure = error instanceof CommandFailure ? error : unexpected(error);
  const { hint, errors = [], ...details } = failure.details;
  const told = { ...failure.details, message: failure.message, exitCode: failure.exitCode };
  if (json) stdout.write(withoutTokens(`${JSON.stringify({ error: told }, null, 2)}\n`));
  const lines = [
    `greenlight: ${oneLine(failure.message)}${details.code ? ` [${oneLine(details.code)}]` : ''}`,
    ...errors.map(({ path, message }) => `  ${oneLine(path)}: ${oneLine(message)}`),
    ...(hint ? [`  ${visible(hint)}`] : []),
  ];
  stderr.write(withoutTokens(`${lines.join('\n')}\n`));
  return failure.exitCode;
}

/** An answer that lacks what is read from it comes from a server of another version, most of the time. */
function unexpected(error: unknown): CommandFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof TypeError)) return new CommandFailure(EXIT.no, message, { code: 'UNEXPECTED' });
  return new CommandFailure(EXIT.unavailable, `this program does not understand the answer (${message})`, {
    code: 'BAD_ANSWER',
    hint: 'the server may be of another version: compare greenlight --version with what /openapi.json says',
  });
}

/** The answer of the person at the terminal; empty when it is not given. The question goes where talk goes. */
async function ask(question: string, signal: AbortSignal): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return terminal
    .question(question, { signal })
    .catch(() => '')
    .finally(() => terminal.close());
}

/** Runs the command line of this process. */
export async function main(): Promise<void> {
  const interrupted = new AbortController();
  process.once('SIGINT', () => {
    interrupted.abort();
    // What does not listen is ended.
    setTimeout(() => process.exit(EXIT.interrupted), 2_000).unref();
  });
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // The reader has seen enough, e.g. `| head -1`.
      if (error.code === 'EPIPE') process.exit(EXIT.done);
      throw error;
    });
  }
  process.exitCode = await run(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    interrupted: interrupted.signal,
    ...(process.stdin.isTTY && process.stderr.isTTY ? { ask: (question) => ask(question, interrupted.signal) } : {}),
  });
}
