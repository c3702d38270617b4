/** Requests for the HTTP tests: their bodies, and the engine's part of their life by the rules of core. */
import type { GateResult } from '../../core/gate/gate.ts';
import { withPhase } from '../../core/promotion/change.ts';
import { engineChange } from '../../core/promotion/engine-change.ts';
import { settleGates } from '../../core/promotion/settle-gates.ts';
import type { Answer, World } from './world.ts';

/** A body that everything accepts; `target` and `request` are merged. */
export function requestBody(more: { target?: object; request?: object; preChecks?: object; [name: string]: unknown } = {}) {
  const { target, request, preChecks, ...rest } = more;
  return {
    target: { type: 'api', name: 'payment-api', version: '1.1.0', ...target },
    request: {
      justification: 'New PCI-DSS compliant payment flow',
      releaseNotes: '- Added 3DS2 authentication\n- Fixed timeouts\n',
      impactAssessment: 'low',
      rollbackPlan: 'Revert to 1.0.0',
      ...request,
    },
    preChecks: {
      stagingTestsPassed: true,
      securityScanPassed: true,
      performanceTestsPassed: true,
      testEvidenceUrl: 'https://ci.example.com/1',
      ...preChecks,
    },
    ...rest,
  };
}

/** Creates a request to staging (no evidence is needed there) and answers its id. */
export async function createRequest(world: World, as = 'dev', more: Parameters<typeof requestBody>[0] = {}): Promise<string> {
  const answer = await world.call('POST', '/v1/requests/staging', { as, body: requestBody(more) });
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json.metadata.id as string;
}

/** What the run does until approval opens (or the request is blocked). */
export async function runGates(world: World, id: string, status: GateResult['status'] = 'passed'): Promise<void> {
  const { promotions } = world.state;
  let head = (await promotions.head(id))!;
  if (head.phase === 'requested') {
    head = await promotions.commit(engineChange(head, withPhase(head, 'validating'), { type: 'gates.started', action: 'validating' }));
  }
  const plan = (await promotions.plan(id, head.planHash))!;
  const results = plan.gates.map(
    ({ name, definitionHash }): GateResult => ({
      name,
      type: 'policy',
      status,
      message: 'looked at',
      resolution: 'look again',
      definitionHash,
    }),
  );
  const { spec } = (await promotions.texts(id))!;
  const change = settleGates(head, plan, results, { now: world.state.clock.now().toISOString(), claims: spec.preChecks });
  await promotions.commit({ ...change, gates: results });
}

/** A request to staging whose approval is open. */
export async function openApproval(world: World, as = 'dev', more: Parameters<typeof requestBody>[0] = {}): Promise<string> {
  const id = await createRequest(world, as, more);
  await runGates(world, id);
  return id;
}

/** Number of audit events of a type that wait in the outbox for a request. */
export async function eventsOf(world: World, id: string, type: string): Promise<number> {
  const rows = await world.state.table.all({ pk: 'OUTBOX#0' });
  return rows.filter((row) => row['rid'] === id && (JSON.parse(row['line'] as string) as { type: string }).type === type).length;
}

/** Status and code, as one value to compare. */
export function outcome(answer: Answer): string {
  return answer.status < 400 ? String(answer.status) : `${answer.status} ${answer.json?.code}`;
}

/** Fails until the source is told to wait: 61 failures within a minute, which may end once in between. Answers how often, and the refusal. */
export async function untilLimited(fail: (count: number) => Promise<Answer>): Promise<{ failures: number; refusal: Answer }> {
  for (let failures = 0; failures <= 2 * 60; failures++) {
    const refusal = await fail(failures);
    if (refusal.status === 429) return { failures, refusal };
  }
  throw new Error('no limit was met');
}
