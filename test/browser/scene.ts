/** A deployment with a past, for pictures: everything that a page can show is there once. */
import { expect } from 'vitest';
import type { ConfigurationChange } from '../flows/assembly.ts';
import type { FlowCloud } from '../flows/cloud.ts';
import { approve, pending, push, reach, request, toStaging } from '../flows/requests.ts';

/** Retention as strict as it gets, so that a plan has something to delete and an hour of grace. */
export const STRICT_RETENTION: ConfigurationChange = (yaml) =>
  `${yaml.replace(/\nartifacts:\n(?: .*\n)+/, '\n')}
artifacts:
  retention: { keep_last_versions: 1, keep_duration_days: 0, max_delete_percent: 90, grace: 1h, delete_schedule: never, price_per_gb_month: 0.1 }
`;

const TEXTS = {
  impactAssessment: 'high',
  priority: 'high',
  releaseNotes:
    '## Cards\n\n- **3DS2** for all cards that were issued in the EU\n- Refunds show in the statement of the *same* day\n\nMeasured with `npm run bench`; see the [ticket](https://tickets.example.com/PAY-311).',
  rollbackPlan: 'Promote 1.1.0 again: the schema of 1.4.0 is read by both.',
  justification: 'Banks refuse payments without the second factor from Monday on',
};

/** Versions of something that nobody uses any more, and one that is the newest. */
const OLD = ['0.7.0', '0.8.0', '0.9.0', '1.0.0'];

export interface Scene {
  /** Addresses in the API. */
  waiting: string;
  rolledBack: string;
  deployed: string;
  blocked: string;
  rejected: string;
  plan: string;
}

export async function setScene(cloud: FlowCloud): Promise<Scene> {
  await Promise.all([
    ...[
      ['1.1.0', 'true'],
      ['1.2.0', 'after-50'],
      ['1.3.0', 'true'],
      ['1.4.0', 'true'],
    ].map(([version, healthy]) => push(cloud, version!, healthy!)),
    push(cloud, '3.4.1', 'true', { name: 'ledger' }),
    push(cloud, '2.8.0', 'true', { name: 'statements', signed: false }),
    ...OLD.map((version) => push(cloud, version, 'true', { name: 'invoice-mailer', signed: false })),
  ]);
  await Promise.all([toStaging(cloud, '1.1.0'), toStaging(cloud, '3.4.1', 'ledger'), toStaging(cloud, '2.8.0', 'statements')]);
  const deployed = await toProduction(cloud, '1.1.0');
  await cloud.advance('P1D');
  await toStaging(cloud, '1.2.0');
  const rolledBack = await pending(cloud, 'prod', '1.2.0');
  await approve(cloud, rolledBack, 'security', 'lead');
  await Promise.all([reach(cloud, rolledBack, 'rolled_back'), toProduction(cloud, '3.4.1', 'ledger')]);
  await cloud.advance('P1D');
  await toStaging(cloud, '1.3.0');
  await toProduction(cloud, '1.3.0');
  const blocked = await request(cloud, 'prod', '2.8.0', { name: 'statements' });
  await reach(cloud, blocked, 'blocked');
  await toStaging(cloud, '1.4.0');
  const rejected = await pending(cloud, 'prod', '1.4.0');
  const refusal = await cloud.api('POST', `${rejected}/reject`, {
    as: 'security',
    body: { reason: 'The scan of the base image is from last month: scan it again' },
  });
  expect(refusal.status, refusal.text).toBe(200);
  const body = {
    target: { type: 'api', name: 'payment-api', version: '1.4.0' },
    request: TEXTS,
    preChecks: {
      stagingTestsPassed: true,
      securityScanPassed: true,
      performanceTestsPassed: true,
      testEvidenceUrl: 'https://ci.example.com/builds/4711',
    },
  };
  const created = await cloud.api('POST', '/v1/requests/prod', { as: 'dev', body });
  expect(created.status, created.text).toBe(201);
  const waiting = `/v1/requests/prod/${created.body.metadata.id}`;
  await reach(cloud, waiting, 'pending_approval');
  await approve(cloud, waiting, 'security');
  const planned = await cloud.api('POST', '/v1/retention/preview', { as: 'cpi', body: {} });
  expect(planned.status, planned.text).toBe(200);
  return { waiting, rolledBack, deployed, blocked, rejected, plan: planned.body.planId };
}

async function toProduction(cloud: FlowCloud, version: string, name?: string): Promise<string> {
  const path = await pending(cloud, 'prod', version, name === undefined ? {} : { name });
  await approve(cloud, path, 'security', 'lead');
  await reach(cloud, path, 'succeeded');
  return path;
}
