/**
 * `npm run demo [-- --json]`: the main job from end to end on a machine with nothing but Node. Exit 0 only when every step did what it should;
 * then, and after Ctrl-C, nothing is left. Otherwise the data folder with its logs is kept and named.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type DemoCloud, startDemoCloud } from './demo-cloud.ts';
import { DemoRecord } from './demo-record.ts';
import { tellStory } from './demo-story.ts';

/** Waits last a fifth: the bake of 5 s takes one. */
const TIME_SCALE = 0.2;

async function demo(json: boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-demo-'));
  const record = new DemoRecord((line) => {
    if (!json) process.stdout.write(`${line}\n`);
  });
  const interrupted = new AbortController();
  const interruption = new Promise<never>((_resolve, reject) => {
    const stop = () => {
      interrupted.abort();
      reject(new Error('interrupted'));
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
  });
  // During the start nobody waits for it yet.
  interruption.catch(() => undefined);
  let cloud: DemoCloud | undefined;
  let problem: string | undefined;
  try {
    record.chapter('The stacks, on this machine');
    cloud = await record.step('synthesizes the stacks and runs them', async () => {
      const value = await startDemoCloud(folder, TIME_SCALE, interrupted.signal);
      return { value, detail: value.endpoints.api };
    });
    await Promise.race([tellStory(record, cloud, folder), interruption]);
  } catch (error) {
    problem = (error as Error).message;
  } finally {
    await cloud?.stop();
  }
  const ok = problem === undefined && record.ok;
  const kept = !ok && !interrupted.signal.aborted;
  if (!kept) rmSync(folder, { recursive: true, force: true });
  const { steps, timeline, seconds } = record;
  if (json)
    process.stdout.write(
      `${JSON.stringify({ ok, seconds, steps, timeline, ...(ok ? {} : { problem }), ...(kept ? { folder } : {}) }, null, 2)}\n`,
    );
  else if (ok) process.stdout.write(`\nAll ${steps.length} steps did what they should, in ${seconds} s. Nothing is left running.\n`);
  else process.stdout.write(`\nNot done: ${problem}\n${kept ? `Logs and data: ${folder} (start.log, data)\n` : ''}`);
  if (interrupted.signal.aborted) return 130;
  return ok ? 0 : 1;
}

function readArguments(): { json: boolean } {
  try {
    return { json: parseArgs({ options: { json: { type: 'boolean', default: false } } }).values.json };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nusage: npm run demo [-- --json]\n`);
    process.exit(2);
  }
}

// The notice of the SDK about Node 20 is not for who watches a demo.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
process.exitCode = await demo(readArguments().json);
