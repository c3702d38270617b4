/** `POST /v1/requests/{env}/preview`: what a request would do, found out by reading only. */
import type { Approvers } from '../../core/approval/delegation.ts';
import { eligibleFor } from '../../core/approval/eligible.ts';
import { groupOf } from '../../core/approval/stage.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import type { EnvironmentRecord } from '../../core/environment/environment.ts';
import { heldVersion } from '../../core/environment/held.ts';
import { wayBackWarnings } from '../../core/environment/watch.ts';
import { DEFAULT_PRICES, estimateCost } from '../../core/gate/cost.ts';
import { type GateRunner, READ_ONLY_GATES } from '../../core/gate/ports.ts';
import type { VersionStanding } from '../../core/lifecycle/lifecycle.ts';
import { lifecycleWarnings } from '../../core/lifecycle/use.ts';
import { refusePastDate } from '../../core/promotion/create.ts';
import { specOf } from '../../core/promotion/make-plan.ts';
import { type Plan, planHashOf, stepsOf } from '../../core/promotion/plan.ts';
import { warningsOf } from '../../core/promotion/plan-warnings.ts';
import type { RequestBody } from '../../core/promotion/request-body.ts';
import { emptyCopy } from '../../core/registry/copy-record.ts';
import type { RegistryReader } from '../../core/registry/ports.ts';
import type { HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { approversNow, clock, watches } from '../kit/state.ts';
import { draftPlan, findArtifact } from './draft-plan.ts';
import { storePreview, unstoredExpiry } from './preview-row.ts';
import { withinTime } from './within-time.ts';

/** The whole preview answers within 20 s; gates get what resolving and reading leave. */
const GATES_MS = 15_000;
const ESTIMATE_MS = 15_000;

type PreviewCall = HttpCall<RequestBody, { store?: 'true' | 'false' }>;

export function preview(
  registries: RegistryReader,
  gates: GateRunner,
): TwoPhaseHandler<unknown, RequestBody, { store?: 'true' | 'false' }> {
  return { find: findArtifact, handle: (call) => previewNow(call, registries, gates) };
}

async function previewNow(call: PreviewCall, registries: RegistryReader, runner: GateRunner): Promise<HttpAnswer> {
  const { configuration, body, caller } = call;
  refusePastDate(body.request.scheduledDate, clock.now());
  const { plan, version, environment, standing, currentStanding } = await draftPlan(call, registries, caller.actor.key);
  const planHash = planHashOf(plan);
  const [gates, copy, approvers, watch] = await Promise.all([
    tryGates(call, plan, planHash, body.preChecks, runner),
    estimate(call, plan, registries),
    approversNow(),
    watches.get(plan.to, plan.artifact),
  ]);
  const stored = call.query.store === 'false' ? { expiresAt: unstoredExpiry() } : await storePreview(plan, planHash);
  const workload = configuration.artifacts[plan.artifact]?.workload;
  const promotion = { tenant: plan.tenant, to: plan.to, requester: caller.actor, editors: [], planHash };
  const answer = {
    ...stored,
    planHash,
    artifact: { name: plan.artifact, version: plan.version, digest: plan.digest, tag: version.tag },
    from: plan.from,
    to: plan.to,
    current: environment?.current ?? null,
    gates,
    approvals: approvalsOf(plan, promotion, approvers),
    steps: stepsOf(plan),
    rollbackTarget: plan.rollbackTarget,
    diff: diffOf(plan, environment),
    copy,
    cost: costOf(configuration, plan, copy?.missingBytes, environment?.current ? 0 : (workload?.replicas ?? 0)),
    warnings: [
      ...warningsOf(plan, specOf(body, plan.from, plan.to), {
        replicas: workload?.replicas,
        isRunning: environment?.current?.digest === plan.digest,
        isLocked: environment?.holder !== undefined,
        rolledBackAt: heldVersion(environment, plan.digest)?.at,
        now: clock.now(),
      }),
      ...lifecycleWarnings(plan.artifact, plan.version, standing),
      ...returnWarnings(plan, environment, currentStanding),
      ...wayBackWarnings(watch, plan.to),
      ...(copy ? [] : ['the size of the copy could not be estimated in time']),
    ],
  };
  return { status: 200, body: answer };
}

/** What it would cost, at the prices of the cost gate that would bound it, or else the usual ones. */
function costOf({ gates }: Configuration, plan: Plan, bytes: number | undefined, addedReplicas: number) {
  const gate = plan.gates.map(({ name }) => gates[name]).find((definition) => definition?.type === 'cost');
  if (bytes === undefined) return { currency: 'USD', monthly: null };
  const { monthly, storage, run, once } = estimateCost(gate ?? DEFAULT_PRICES, { bytes, addedReplicas });
  return { currency: 'USD', monthly: round(monthly), storage: round(storage), run: round(run), once: round(once) };
}

/** Who would be asked. */
export function approvalsOf(plan: Plan, promotion: Parameters<typeof eligibleFor>[1], approvers: Approvers) {
  return {
    required: plan.approvals.length > 0,
    stages: plan.approvals.map((stage) => ({
      name: stage.name,
      rules: stage.rules.map((rule) => ({
        team: groupOf(rule),
        min: rule.min,
        eligible: eligibleFor(rule, promotion, approvers).map((person) => person.email),
      })),
    })),
  };
}

/** Gates that only read are tried; the others, and those that are not done in time, are `not_run`. */
export function tryGates(
  { configuration, caller }: Pick<PreviewCall, 'configuration' | 'caller'>,
  plan: Plan,
  planHash: string,
  claims: RequestBody['preChecks'],
  runner: GateRunner,
) {
  const subject = {
    tenant: plan.tenant,
    artifact: plan.artifact,
    digest: plan.digest,
    version: plan.version,
    from: plan.from,
    to: plan.to,
    planHash,
    requester: caller.actor.email,
    claims,
  };
  return Promise.all(
    plan.gates.map(async ({ name, type }) => {
      const definition = configuration.gates[name]!;
      const notRun = (message: string) => ({ name, type, status: 'not_run' as const, message, resolution: '' });
      if (!READ_ONLY_GATES.has(definition.type)) return notRun('this gate acts on the world; it runs when the promotion is requested');
      const outcome = await withinTime(runner.run(definition, subject, 'preview'), GATES_MS);
      return outcome ? { name, type, ...outcome } : notRun('not done within the time of a preview');
    }),
  );
}

/** What would be moved to all target registries together; undefined when it is not known in time. */
async function estimate({ configuration }: PreviewCall, plan: Plan, registries: RegistryReader) {
  const source = configuration.registries[plan.registries.source]!;
  const targets = emptyCopy(plan, configuration.environments[plan.to]!.registries).registries;
  const reading = Promise.all(
    targets.map(({ name }) => registries.estimate(source, configuration.registries[name]!, plan.artifact, plan.digest)),
  ).catch(() => undefined);
  const estimates = await withinTime(reading, ESTIMATE_MS);
  if (!estimates?.length) return null;
  return {
    blobs: estimates[0]!.blobs,
    bytes: estimates[0]!.bytes,
    missingBlobs: sum(estimates.map((each) => each.missingBlobs)),
    missingBytes: sum(estimates.map((each) => each.missingBytes)),
    registries: targets.map(({ name, role, required }, index) => {
      const { missingBlobs, missingBytes } = estimates[index]!;
      return { name, role, required, missingBlobs, missingBytes };
    }),
  };
}

/** A rollout that fails goes back to what runs, whatever its state: better that people know. */
function returnWarnings(plan: Plan, environment: EnvironmentRecord | undefined, standing: VersionStanding | undefined): string[] {
  const current = environment?.current;
  if (!current || !standing || plan.rollout.strategy === 'none' || current.digest === plan.digest) return [];
  return lifecycleWarnings(plan.artifact, current.version, standing).map(
    (warning) => `a rollout that fails would go back to what ${plan.to} runs, and ${warning}`,
  );
}

function diffOf(plan: Plan, environment: EnvironmentRecord | undefined) {
  const current = environment?.current;
  return {
    version: { from: current?.version ?? null, to: plan.version },
    digest: { from: current?.digest ?? null, to: plan.digest },
    tags: plan.tags,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round(dollars: number): number {
  return Math.round(dollars * 10_000) / 10_000;
}
