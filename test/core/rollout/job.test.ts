import { expect, it } from 'vitest';
import { readConfiguration } from '../../../core/environment/configuration-file.ts';
import { rolloutOf } from '../../../core/promotion/make-plan.ts';
import { type Plan, stepsOf } from '../../../core/promotion/plan.ts';

const LAUNCH = 'https://awx.example.com/api/v2/job_templates/42/launch/';
const read = (awx: string) =>
  readConfiguration(
    `
promotion: { path: dev → prod }
registries: { dev: { ecr: { account: "000000000000" } }, prod: { ecr: { account: "111111111111" } } }
environments:
  dev: { registry: dev, gates: [], approvals: [] }
  prod: { registry: prod, gates: [], approvals: [], rollout: { awx: { ${awx} } }, rollback: { rollout: direct } }
catalog: { x: { tenant: t } }
`,
    { complete: false },
  );

it('a job is written in the place of direct and canary, holds for rollbacks too, and needs no workload', () => {
  const result = read(`launch_url: "${LAUNCH}", token: "secret:greenlight/awx", timeout: 10m`);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const prod = result.configuration.environments['prod']!;
  expect(prod.rollout).toMatchObject({ strategy: 'job', job: { launchUrl: LAUNCH, token: 'secret:greenlight/awx', timeoutSeconds: 600 } });
  expect(prod.rollback.rollout).toEqual(prod.rollout);
  const rollout = rolloutOf(prod, undefined, prod.rollout);
  expect(rollout).toEqual({ strategy: 'job', weights: [100], bakeSeconds: 0, smoke: false });
  expect(stepsOf({ kind: 'promote', rollout } as Plan)).toEqual(['copying', 'verifying_copy', 'tagging', 'job']);
});

it.each([
  ['launch_url: "http://awx.example.com/"', 'is not an https address'],
  [`launch_url: "${LAUNCH}", timeout: 2d`, 'from a minute to a day'],
  [`launch_url: "${LAUNCH}", timeout: 5s`, 'from a minute to a day'],
  [`launch_url: "${LAUNCH}", token: "hunter2"`, ''],
])('refuses %s', (awx, message) => {
  const result = read(awx);
  expect(result.ok).toBe(false);
  if (!result.ok) expect(JSON.stringify(result.problems)).toContain(message);
});
