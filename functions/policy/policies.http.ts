/** `GET /v1/policies` and `POST /v1/policies/replay`: what policies of promotion do, and would have done. Nothing is changed. */
import type * as z from 'zod';
import { policyRows } from '../../adapters/policy/policy-rows.ts';
import { belongsToTenant } from '../../core/access/membership.ts';
import { artifactOf, type Configuration } from '../../core/environment/configuration.ts';
import { readConfiguration } from '../../core/environment/configuration-file.ts';
import { messageOf, Refusal } from '../../core/errors.ts';
import { evaluatePolicy, type PolicyDecision } from '../../core/policy/evaluate.ts';
import { factsAt, type Stay } from '../../core/policy/past.ts';
import { isFor, type PromotionPolicy, policyHash } from '../../core/policy/promotion-policy.ts';
import { type ReplayedVersion, replayPolicy as replay } from '../../core/policy/replay.ts';
import type { ImageList } from '../../core/registry/ports.ts';
import type { HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { clock, table } from '../kit/state.ts';
import { artifactsOf, presentStay } from './propose.ts';
import { MOST_STAYS, presentOf, readPast } from './read-past.ts';
import type { replayBody } from './routes.ts';

type ReplayBody = z.infer<typeof replayBody>;
type ReplayCall = HttpCall<ReplayBody>;

const DEFAULT_DAYS = 365;
/** Versions that one answer names; the newest. */
const MOST_VERSIONS = 500;

export const listPolicies =
  (images: ImageList) =>
  async (call: HttpCall): Promise<HttpAnswer> => {
    const { configuration } = call;
    const items = [];
    for (const policy of configuration.policies ?? []) {
      const names = await visible(call, configuration, policy);
      items.push({ ...render(policy), now: await Promise.all(names.map((name) => standing(configuration, images, policy, name))) });
    }
    return { status: 200, body: { items } };
  };

async function visible({ caller }: HttpCall<unknown>, configuration: Configuration, policy: PromotionPolicy): Promise<string[]> {
  const known = await artifactsOf(configuration, policy);
  return known.filter((name) => belongsToTenant(caller.membership, artifactOf(configuration, name)!.tenant));
}

/** What the policy would do now, or would if it were enabled. */
async function standing(configuration: Configuration, images: ImageList, policy: PromotionPolicy, artifact: string) {
  try {
    const past = await readPast(configuration, images, policy, artifact);
    const stay = presentStay(past.stays);
    if (!stay) return { artifact, outcome: 'none' as const, because: `${policy.from} holds no version that it would take`, conditions: [] };
    return { artifact, version: stay.version, digest: stay.digest, ...(await decisionNow(configuration, policy, past, stay)) };
  } catch (error) {
    if (error instanceof Refusal) return { artifact, outcome: 'unknown' as const, because: messageOf(error), conditions: [] };
    throw error;
  }
}

async function decisionNow(
  configuration: Configuration,
  policy: PromotionPolicy,
  past: Awaited<ReturnType<typeof readPast>>,
  stay: Stay,
): Promise<PolicyDecision> {
  const now = clock.now().toISOString();
  const present = await presentOf(configuration, policy, past.artifact, stay);
  const facts = factsAt(past, stay, now, { ...present, metrics: policy.metrics.map(({ name }) => ({ name })) });
  return evaluatePolicy(policy, facts, now);
}

export function replayPolicy(images: ImageList): TwoPhaseHandler<void, ReplayBody> {
  return {
    async find(call) {
      const name = (call.body as { artifact?: unknown } | null | undefined)?.artifact;
      if (typeof name === 'string') requireVisible(call, name);
    },
    handle: (call) => replayNow(call, images),
  };
}

async function replayNow(call: ReplayCall, images: ImageList): Promise<HttpAnswer> {
  const { configuration, body } = call;
  const policy = namedPolicy(policiesOf(call), body.policy);
  const until = clock.now();
  const since = new Date(until.getTime() - (body.days ?? DEFAULT_DAYS) * 86_400_000).toISOString();
  const period = { since, until: until.toISOString() };
  const names =
    body.artifact === undefined ? await visible(call, configuration, policy) : [body.artifact].filter((name) => isFor(policy, name));
  if (names.length === 0 && body.artifact !== undefined) throw noSuchArtifact();
  const pasts = [];
  for (const name of names) pasts.push(await readPast(configuration, images, policy, name, since));
  const records = await policyRows(table).between(policy.name, since, period.until);
  const mine = records.filter(({ facts }) => names.includes(facts.artifact));
  const { versions, recorded } = replay(policy, pasts, mine, period);
  return {
    status: 200,
    body: {
      policy: render(policy),
      ...period,
      complete: versions.length <= MOST_VERSIONS && pasts.every(({ stays }) => stays.length < MOST_STAYS),
      assumed: assumed(policy),
      summary: summaryOf(versions),
      versions: versions.slice(-MOST_VERSIONS),
      recorded,
    },
  };
}

/** Of the file that was sent, as far as it can be read; registries and histories are those of the deployment. */
function policiesOf({ body, configuration }: ReplayCall): readonly PromotionPolicy[] {
  if (body.text === undefined) return configuration.policies ?? [];
  const read = readConfiguration(body.text);
  if (read.ok) {
    const policies = read.configuration.policies ?? [];
    for (const { from, to } of policies) {
      const { path } = configuration;
      if (path[path.indexOf(from) + 1] === to && path.includes(from)) continue;
      throw new Refusal('INVALID_REQUEST', 'the path of this file is not that of the deployment: there is no past to replay', {
        errors: [{ path: '/text', message: `must follow ${path.join(' → ')}` }],
      });
    }
    return policies;
  }
  const [first] = read.problems;
  throw new Refusal('INVALID_REQUEST', `line ${first!.line}: ${first!.message}`, {
    hint: first!.hint ?? 'greenlight config check FILE shows every mistake',
    errors: read.problems.slice(0, 50).map(({ line, message }) => ({ path: `/text/${line}`, message })),
  });
}

function namedPolicy(policies: readonly PromotionPolicy[], name: string): PromotionPolicy {
  const policy = policies.find((each) => each.name === name);
  if (!policy) throw new Refusal('NOT_FOUND', 'there is no such policy', { hint: 'GET /v1/policies lists those in force' });
  return policy;
}

function requireVisible({ caller, configuration }: HttpCall<unknown, unknown>, name: string): void {
  const artifact = artifactOf(configuration, name);
  if (!artifact || !belongsToTenant(caller.membership, artifact.tenant)) throw noSuchArtifact();
}

function noSuchArtifact(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such artifact', { hint: 'check the name, and that the policy is for it' });
}

function assumed({ from, noRegressions, metrics }: PromotionPolicy): string[] {
  return [
    ...(noRegressions ? [`${from} was healthy and ran what was promoted, as far as no promotion failed`] : []),
    ...metrics.map(({ name }) => `metric ${name} was good`),
  ];
}

function summaryOf(versions: readonly ReplayedVersion[]) {
  const count = (outcome: ReplayedVersion['outcome']) => versions.filter((version) => version.outcome === outcome).length;
  return {
    ...{ promote: count('promote'), promoted: count('promoted'), left: count('left'), wait: count('wait'), hold: count('hold') },
    // What it would have brought and had to be taken back when it came.
    badVersions: versions.filter(({ outcome, actual }) => outcome === 'promote' && actual && actual.outcome !== 'succeeded').length,
  };
}

/** Without addresses and references. */
function render(policy: PromotionPolicy) {
  const { name, enabled, from, to, artifacts, prereleases, allTestsPass, noRegressions, soakSeconds, metrics } = policy;
  return {
    ...{ name, hash: policyHash(policy), enabled, from, to },
    ...(artifacts ? { artifacts } : {}),
    prereleases,
    conditions: { allTestsPass, noRegressions, soakSeconds, metrics: metrics.map((metric) => metric.name) },
  };
}
