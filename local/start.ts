/**
 * `npm start`: builds and synthesizes the stacks, then runs them. One line `ready <origin>` on stdout; everything else on stderr.
 * Exit codes: 0 stopped by a signal, 1 the stacks cannot be built or provisioned, 2 bad usage, 6 the data folder or a port is taken.
 */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startCloud } from './cloud.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { PortTaken } from './listeners.ts';
import { StartFailure } from './start-failure.ts';
import type { World } from './world.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const USAGE = 'usage: npm start -- [--port 4700] [--data .greenlight] [--config greenlight.yaml] [--time-scale 1] [--fresh]';

interface Arguments {
  port: number;
  data: string;
  config: string;
  timeScale: number;
  fresh: boolean;
}

function readArguments(args: string[]): Arguments {
  try {
    const { values } = parseArgs({
      args,
      options: {
        port: { type: 'string', default: '4700' },
        data: { type: 'string', default: '.greenlight' },
        config: { type: 'string', default: 'greenlight.yaml' },
        'time-scale': { type: 'string', default: '1' },
        fresh: { type: 'boolean', default: false },
      },
    });
    const port = Number(values.port);
    if (!/^\d+$/.test(values.port) || port > 65_535)
      throw new Error(`--port ${values.port}: give a number from 0 (any free port) to 65535`);
    const timeScale = Number(values['time-scale']);
    if (!(timeScale > 0 && timeScale <= 1000)) throw new Error(`--time-scale ${values['time-scale']}: give a number above 0, e.g. 0.01`);
    if (values.data === '') throw new Error('--data needs a folder');
    return { port, timeScale, data: resolve(values.data), config: resolve(values.config), fresh: values.fresh };
  } catch (error) {
    throw new StartFailure('USAGE', 2, `${(error as Error).message}\n${USAGE}`);
  }
}

/** Runs a script of the repository; its output goes to stderr, because stdout carries the ready line only. */
function runScript(script: string, environment: Record<string, string>): Promise<void> {
  return new Promise((done, reject) => {
    const env = { ...process.env, ...environment };
    const child = spawn(process.execPath, ['--import', 'tsx', script], { cwd: ROOT, env, stdio: ['ignore', 2, 2] });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) done();
      else reject(new StartFailure('BUILD', 1, `${script} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

async function main(): Promise<void> {
  const options = readArguments(process.argv.slice(2));
  const data = openDataFolder(options.data, { fresh: options.fresh });
  process.once('exit', () => data.release());
  endWithParent();
  // A service that forgets a rejection must not take the others down; the message tells where it came from.
  process.on('unhandledRejection', (reason) => console.error('unhandled rejection:', reason));
  await run(options, data);
}

/** How often to look whether npm still lives, in real milliseconds. */
const PARENT_CHECK_MS = 250;

/** `kill -9` of `npm start` kills npm alone: what it started must not live on and hold the data folder. Only under npm, whose child this is. */
function endWithParent(): void {
  if (process.env['npm_lifecycle_event'] !== 'start') return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(137);
  }, PARENT_CHECK_MS).unref();
}

async function run(options: Arguments, data: DataFolder): Promise<void> {
  const environment = { GREENLIGHT_CONFIG: options.config, GREENLIGHT_BUILD: data.file('build'), CDK_OUTDIR: data.file('cdk.out') };
  // The build and the demo's world look there too.
  Object.assign(process.env, environment);
  console.error('building functions');
  await runScript('scripts/build.ts', environment);
  console.error('synthesizing stacks');
  await runScript('bin/app.ts', environment);
  console.error('starting services');
  // The world is the product's own part: loaded here, so that nothing else of the local cloud knows of it.
  const { world } = (await import(new URL('./demo/world.ts', import.meta.url).href)) as { world: World };
  const cloud = await startCloud({
    assembly: data.file('cdk.out'),
    dataFolder: data,
    world,
    timeScale: options.timeScale,
    port: options.port,
  });
  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(130);
    stopping = true;
    console.error('stopping: waiting for work under way, at most 10 s');
    void cloud.close().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.stdout.write(`ready ${String(cloud.endpoints.api)}\n`);
}

main().catch((error: Error) => {
  console.error(error.name === 'Error' ? error.stack : error.message);
  process.exit(error instanceof StartFailure ? error.exitCode : error instanceof PortTaken ? 6 : 1);
});
