/** Repeats the checks of a promotion for a while after it succeeded, and takes it back when they fail twice, where the environment wants that. */
import type { WatchRows } from '../../adapters/environment/watch-rows.ts';
import { inParallel } from '../../adapters/registry/in-parallel.ts';
import { ENGINE, mailAddressOf } from '../../core/access/identity.ts';
import { artifactOf, type Configuration, type EnvironmentConfiguration } from '../../core/environment/configuration.ts';
import { heldVersion } from '../../core/environment/held.ts';
import type { EnvironmentLock } from '../../core/environment/lock.ts';
import type { EnvironmentStore } from '../../core/environment/ports.ts';
import { Fault, messageOf, Refusal } from '../../core/errors.ts';
import type { NoticeDraft } from '../../core/promotion/change.ts';
import { create } from '../../core/promotion/create.ts';
import { type Clock, type PromotionStore, VersionConflict } from '../../core/promotion/ports.ts';
import {
  afterLook,
  FAILURES,
  FAILURES_UNTIL_TOLD,
  isDue,
  type LookVerdict,
  type Watched,
  watchedPromotion,
} from '../../core/rollout/after-promotion.ts';
import { digestOf } from '../../core/rollout/image.ts';
import { imageOf } from '../../core/rollout/workload.ts';
import { knownArtifacts } from '../environment/known-artifacts.ts';
import { log } from '../kit/log.ts';
import type { RollbackAsk, RollbackDraft } from './draft-rollback.ts';
import { placeOf, type RolloutWorld } from './rollout-world.ts';
import { runSmoke, smokeOrigin } from './run-smoke.ts';
import { judgeMetrics, RolloutFailure } from './weigh.ts';

export interface AfterWorld extends Pick<RolloutWorld, 'configuration' | 'connect' | 'probe' | 'metrics'> {
  environments: Pick<EnvironmentStore, 'get' | 'history'>;
  promotions: Pick<PromotionStore, 'list' | 'head' | 'plan' | 'commit' | 'nextId'>;
  watches: Pick<WatchRows, 'after' | 'putAfter' | 'claim'>;
  clock: Clock;
  origin: string;
  lockOn(environment: string, subject: { tenant: string; artifact: string }): Promise<EnvironmentLock | undefined>;
  draft(ask: RollbackAsk): Promise<RollbackDraft>;
  /** For what no request carries: critical, to whoever gets alerts of the environment. */
  alert(reason: string, where: { environment: string; artifact: string }): Promise<void>;
}

interface Where {
  configuration: Configuration;
  environment: EnvironmentConfiguration;
  artifact: string;
}

/** Looks at once: one place that hangs must not use up the minute of the others. */
const AT_ONCE = 8;
/** Refusals that end by themselves: somebody changes the environment just now. The next look asks again. */
const PASSING: ReadonlySet<string> = new Set(['ENV_LOCKED', 'STATE_CONFLICT']);
const MOST_REASON = 400;

/** Ids of the rollbacks that were begun. A place that cannot be looked at keeps no other from its look. */
export async function lookAfterPromotions(world: AfterWorld): Promise<{ takenBack: string[] }> {
  const configuration = await world.configuration();
  const takenBack: string[] = [];
  const places: Where[] = [];
  for (const environment of Object.values(configuration.environments)) {
    if (environment.rollback.watchAfterSeconds === undefined) continue;
    const artifacts = await knownArtifacts(world.promotions, configuration, environment.name);
    places.push(...artifacts.map((artifact) => ({ configuration, environment, artifact })));
  }
  await inParallel(places, AT_ONCE, async (where) => {
    try {
      const id = await lookAt(world, where);
      if (id !== undefined) takenBack.push(id);
    } catch (error) {
      log.warn('not looked at after its promotion', { where: `${where.environment.name}/${where.artifact}`, error });
    }
  });
  return { takenBack };
}

async function lookAt(world: AfterWorld, where: Where): Promise<string | undefined> {
  const { environment, artifact } = where;
  const now = world.clock.now();
  const watched = await watchedNow(world, where, now);
  if (!watched) return undefined;
  const { requestId } = watched.current;
  const before = await world.watches.after(environment.name, artifact);
  if (!isDue(before, requestId, now)) return undefined;
  const verdict = await verdictOf(world, watched);
  const look = afterLook(before, requestId, verdict, now);
  await world.watches.putAfter(environment.name, artifact, look);
  if (verdict.kind !== 'failed' || look.failures < FAILURES || look.told !== undefined) return undefined;
  try {
    return await takeBack(world, where, watched, verdict.reason);
  } catch (error) {
    if (error instanceof Refusal && PASSING.has(error.code)) return undefined;
    // A dependency that is away may be back by the next look; people are told when it stays away.
    if (!(error instanceof Refusal) && look.failures !== FAILURES_UNTIL_TOLD) throw error;
    const told = messageOf(error);
    const reason = `${environment.name}/${artifact}: ${watched.current.version} fails its checks and is not taken back by itself: ${told}`;
    // The alert first: told twice is better than not at all.
    await world.alert(reason, { environment: environment.name, artifact });
    if (!(error instanceof Refusal)) throw error;
    await world.watches.putAfter(environment.name, artifact, { ...look, told });
    return undefined;
  }
}

/** A lock is a person's word that nothing is to move there. */
async function watchedNow(world: AfterWorld, { configuration, environment, artifact }: Where, now: Date): Promise<Watched | undefined> {
  const record = await world.environments.get(environment.name, artifact);
  const [newest] = await world.environments.history(environment.name, artifact, 1);
  const watched = watchedPromotion(record, newest, environment.rollback.watchAfterSeconds!, now);
  const tenant = artifactOf(configuration, artifact)?.tenant;
  if (!watched || tenant === undefined) return undefined;
  return (await world.lockOn(environment.name, { tenant, artifact })) ? undefined : watched;
}

/** The checks of the rollout, at all pods. Whatever keeps us from asking says nothing of the version. */
async function verdictOf(world: AfterWorld, { current }: Watched): Promise<LookVerdict> {
  try {
    const promotion = await world.promotions.head(current.requestId);
    const plan = promotion && (await world.promotions.plan(promotion.id, promotion.planHash));
    if (!plan || plan.rollout.cluster === undefined) return { kind: 'unclear', why: 'its rollout had no cluster' };
    const place = await placeOf(world, plan, { requestId: promotion.id, fence: promotion.fence ?? 0 });
    const image = imageOf(await place.cluster.deployment(place.namespace, place.stable), place.workload.container);
    if (image === undefined || digestOf(image) !== current.digest) return { kind: 'unclear', why: 'something else runs there' };
    // Without an address nobody reaches any version: going back would not help.
    if (place.workload.smoke.length > 0 && (await smokeOrigin(place)) === undefined) return { kind: 'unclear', why: 'it has no address' };
    const reason = await runSmoke(place, world.probe, 100);
    if (reason !== undefined) return { kind: 'failed', reason };
    await judgeMetrics({ world: { metrics: reaching(world.metrics) }, place, plan }, 100);
    return { kind: 'healthy' };
  } catch (error) {
    if (error instanceof RolloutFailure) return { kind: 'failed', reason: error.message };
    log.warn('a look after a promotion found nothing out', { requestId: current.requestId, error });
    return { kind: 'unclear', why: messageOf(error) };
  }
}

/** In a rollout a metrics service that is down stops the canary; here it would take back everything that is well. */
function reaching(metrics: RolloutWorld['metrics']): RolloutWorld['metrics'] {
  return async (check, query) => {
    const answer = await metrics(check, query);
    if (answer.kind === 'none' && answer.unreached) throw new Fault('UNAVAILABLE', answer.reason);
    return answer;
  };
}

/** Under the one id of this promotion's way back: repeated after a crash it stores the same request, or finds it stored. */
async function takeBack(world: AfterWorld, where: Where, watched: Watched, failure: string): Promise<string | undefined> {
  const { configuration, environment, artifact } = where;
  const { current, previous } = watched;
  const draft = await world.draft({
    body: { artifact, to: previous.digest, from: current.version, reason: `taken back by itself: ${failure}`.slice(0, MOST_REASON) },
    ...{ configuration, origin: world.origin, params: { env: environment.name }, caller: { actor: ENGINE }, automatic: true },
  });
  refuseRisk(draft);
  // Checks take a while: whoever has locked the environment meanwhile, or begun to change it, is heard.
  const now = world.clock.now();
  if ((await watchedNow(world, where, now))?.current.requestId !== current.requestId) return undefined;
  const id = await world.watches.claim(environment.name, artifact, current.requestId, now, () =>
    world.promotions.nextId(now.getUTCFullYear()),
  );
  if (await world.promotions.head(id)) return undefined;
  const { plan, spec } = draft;
  const project = artifactOf(configuration, artifact)?.project;
  const requester = (await world.promotions.head(current.requestId))?.requester;
  const alert: NoticeDraft = {
    type: 'environment.alert',
    data: {
      signal: 'taken_back',
      takenBack: current.requestId,
      reason: `${current.version} fails its checks: ${failure}`.slice(0, MOST_REASON),
    },
    ...(requester && requester.kind !== 'system' ? { to: [mailAddressOf(requester)] } : {}),
  };
  const change = create({
    ...{ id, now, plan, spec, requestedVersion: previous.version, notices: [alert] },
    ...{ actor: ENGINE, auth: 'engine', channel: 'schedule' },
    ...(project === undefined ? {} : { project }),
  });
  try {
    await world.promotions.commit(change);
    return id;
  } catch (error) {
    // Another look has stored it.
    if (error instanceof VersionConflict && (await world.promotions.head(id))) return undefined;
    throw error;
  }
}

/** What cannot be undone, or was taken back itself, is a person's decision. */
function refuseRisk({ impact, target, record }: RollbackDraft): void {
  if (impact.risk.level === 'HIGH' || heldVersion(record, target.digest))
    throw new Refusal('CONFIRM_IMPACT', `the risk of going back is high: ${impact.risk.reasons.join('; ')}`);
}
