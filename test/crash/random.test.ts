import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Dice } from '../../bench/dice.ts';
import { checkWorkload } from '../../local/demo/demo-checks.ts';
import { INDEX_TYPE } from '../../local/demo/image-content.ts';
import type { LogLine } from '../flows/audit-log.ts';
import type { Answer } from '../flows/cloud.ts';
import { idOf, WORKLOAD } from '../flows/requests.ts';
import { CrashCloud } from './cloud.ts';
import { allRuns, expectAsked, expectEndedOnce, expectQuiet, linesOf, sealedLinesOf } from './proof.ts';
import { ASKED, type Known, Traffic } from './traffic.ts';

const KILLS = Number(process.env['CRASH_KILLS'] ?? 3);
/** Between two kills; a promotion takes a few seconds. */
const [SHORTEST_MS, LONGEST_MS] = [500, 9_000];
const LIMIT_MS = 300_000 + KILLS * 120_000;
/** Artifacts and the environments that each version is brought to. */
const ARTIFACTS = { [WORKLOAD]: ['staging', 'prod'], 'tool-a': ['staging'], 'tool-b': ['staging', 'prod'], 'tool-c': ['staging'] };

const dice = new Dice('CRASH_SEED');
let cloud: CrashCloud;
let traffic: Traffic;
beforeAll(async () => {
  console.log(`[crash] ${KILLS} kills (CRASH_KILLS changes it), ${dice}`);
  cloud = await CrashCloud.open();
  traffic = new Traffic(cloud, dice);
});
afterAll(() => cloud?.stop());

const get = async (path: string): Promise<Answer['body']> => {
  const answer = await cloud.api('GET', path, { as: 'dev' });
  expect(answer.status, answer.text).toBe(200);
  return answer.body;
};

/** I3: what was acknowledged is there as it was; I2: what was over stays so. Each request has at most one run, and its history the lines' order. */
async function expectKept(known: Known, lines: Map<string, LogLine[]>, runs: { name: string }[]): Promise<void> {
  const id = idOf(known.path);
  const { spec, status } = await get(known.path);
  expect(spec.target.version).toBe(known.version);
  expect(status.planHash).toBe(known.planHash);
  if (known.end !== undefined) expect(status.phase, id).toBe(known.end);
  const given = status.approvals.stages.flatMap(({ rules }: Answer['body']) => rules.flatMap((rule: Answer['body']) => rule.given));
  for (const person of known.approved) expect(given, id).toContain(`${person}@example.com`);
  expect(runs.filter(({ name }) => name.startsWith(`${id}-`)).length, `runs of ${id}`).toBeLessThanOrEqual(1);
  const sealed = lines.get(id) ?? [];
  expect(sealed.length, `lines of ${id}`).toBeLessThanOrEqual(status.history.length);
  expect(sealed.map(({ ts }) => ts)).toEqual(status.history.slice(0, sealed.length).map(({ at }: { at: string }) => at));
}

/** I1: nothing began without the decisions of enough people other than who asked, on the plan that began, and those are in the log before. */
function expectConsent({ path, environment, planHash }: Known, lines: Map<string, LogLine[]>): void {
  const own = lines.get(idOf(path)) ?? [];
  const started = own.find(({ type }) => type === 'promotion.started');
  if (!started) return;
  const asked = own.find(({ type }) => type === 'promotion.requested')!;
  const consent = own.filter(({ type, plan, seq }) => type === 'approval.decided' && plan === planHash && seq < started.seq);
  const people = new Set(consent.map(({ actor }) => actor.id));
  expect(people.has(asked.actor.id)).toBe(false);
  expect(people.size, path).toBeGreaterThanOrEqual(environment === 'prod' ? 2 : 1);
}

/** I5: what an environment is said to run is what its registry names latest, and what the cluster runs; I8: nobody holds it. */
async function expectTrueEnvironments(): Promise<void> {
  for (const environment of ['staging', 'prod'] as const) {
    const { artifacts } = await get(`/v1/environments/${environment}`);
    for (const { artifact, current, flags } of artifacts) {
      expect(flags.locked, `${artifact} in ${environment}`).toBe(false);
      if (!current || !Object.hasOwn(ARTIFACTS, artifact)) continue;
      const address = `http://${cloud.endpoints.registries[environment]}/v2/${artifact}/manifests`;
      const headers = { accept: INDEX_TYPE };
      // I6: the digest and its signature are there.
      for (const reference of [current.digest, `${current.digest.replace(':', '-')}.sig`])
        expect((await fetch(`${address}/${reference}`, { method: 'HEAD' })).status, `${reference} in ${environment}`).toBe(200);
      const moved = await fetch(`${address}/latest-${environment}`, { method: 'HEAD', headers });
      // The seed was adopted, not promoted: nobody named it latest.
      if (moved.status === 200)
        expect(moved.headers.get('docker-content-digest'), `latest-${environment} of ${artifact}`).toBe(current.digest);
      if (artifact === WORKLOAD) await checkWorkload(cloud.endpoints, environment, current.digest, current.version);
    }
  }
}

it(`${KILLS} kills at random moments lose nothing, repeat nothing and leave nothing half done`, { timeout: LIMIT_MS }, async () => {
  traffic.begin(ARTIFACTS);
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(SHORTEST_MS + dice.next() * (LONGEST_MS - SHORTEST_MS));
    await cloud.kill();
    traffic.rest(true);
    await cloud.restart();
    const [lines, runs] = [await sealedLinesOf(cloud), await allRuns(cloud)];
    // As it was before it is compared: more is acknowledged meanwhile.
    for (const known of structuredClone(traffic.journal)) await expectKept(known, lines, runs);
    traffic.rest(false);
    console.log(`[crash] ${traffic.journal.length} requests, ${traffic.journal.filter(({ end }) => end).length} over`);
  }
  await traffic.end();
  await expectQuiet(cloud);
  const [lines, runs] = [await linesOf(cloud), await allRuns(cloud)];
  const ends: Record<string, number> = {};
  for (const known of traffic.journal) {
    await expectKept(known, lines, runs);
    expectConsent(known, lines);
    const types = await expectEndedOnce(cloud, known.path, lines);
    // Who cancels does not wait until everybody was asked.
    if (types.includes('approval.decided')) await expectAsked(cloud, idOf(known.path), ASKED[known.environment]!, cloud.kills);
    ends[known.end!] = (ends[known.end!] ?? 0) + 1;
  }
  // No request was made that nobody knows of.
  expect([...lines.keys()].filter((rid) => /^PR-/.test(rid)).sort()).toEqual(traffic.journal.map(({ path }) => idOf(path)).sort());
  await expectTrueEnvironments();
  console.log(`[crash] ends: ${JSON.stringify(ends)}`);
});
