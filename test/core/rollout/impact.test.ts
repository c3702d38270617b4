import { describe, expect, it } from 'vitest';
import { type Consumer, type ImpactFacts, impactOf, type Migration } from '../../../core/rollout/impact.ts';
import { MIGRATIONS_LABEL, migrationsOf } from '../../../core/rollout/migrations.ts';

const consumer = (product: string, safe: number, stateful: number, storageGb: number): Consumer => ({
  product,
  pipelines: Array.from({ length: safe + stateful }, (_, index) => ({ name: `p${index}`, state: index < stateful })),
  storageGb,
});

/** REQ-332's example. */
const SEED: ImpactFacts = {
  environment: 'prod',
  from: '1.2.3',
  to: '1.2.2',
  consumers: [
    consumer('orders-analytics', 2, 1, 50),
    consumer('customer-insights', 3, 2, 100),
    consumer('product-catalog', 1, 1, 10),
    consumer('inventory-levels', 1, 0, 5),
    { ...consumer('fraud-detection', 1, 1, 25), restartSeconds: 240 },
  ],
  cluster: { at: '2026-11-20T12:00:00.000Z', workloads: [] },
  migrations: [table('a'), table('b')],
  undeclared: [],
  durations: [42, 35, 50],
};

function table(name: string, more: Partial<Migration> = {}): Migration {
  return { version: '1.2.3', kind: 'create_table', name, reversible: true, ...more };
}

const impact = (more: Partial<ImpactFacts> = {}) => impactOf({ ...SEED, ...more });
const NOBODY: Partial<ImpactFacts> = { consumers: [], migrations: [] };

describe('the report of seed 001', () => {
  it('comes out as the seed shows it', () => {
    const report = impact();
    expect(report.products.map(({ name }) => name)).toEqual([
      'customer-insights',
      'orders-analytics',
      'fraud-detection',
      'product-catalog',
      'inventory-levels',
    ]);
    expect(report.workloads).toEqual({ total: 13, safe: 8, stateful: 5 });
    expect(report.data).toMatchObject({
      risk: 'LOW',
      notes: ['New tables created in 1.2.3: 2', 'These tables will be dropped on rollback', 'Existing data preserved'],
    });
    expect(report.risk).toEqual({
      level: 'MEDIUM',
      reasons: ['5 pipelines will reset state'],
      mitigations: ['Monitor pipeline execution after rollback'],
    });
    expect(report.recommendation).toEqual({
      verdict: 'SAFE TO ROLLBACK',
      prerequisites: ['Notify data teams', 'Schedule maintenance window'],
    });
    expect(report.warnings).toEqual([]);
  });

  it('estimates the downtime from what was measured and declared', () => {
    expect(impact().downtime).toEqual({
      ...{ fromSeconds: 275, toSeconds: 290, measuredRollouts: 3 },
      parts: [
        { name: 'Platform artifact swap', fromSeconds: 35, toSeconds: 50 },
        { name: 'Pipeline restart', fromSeconds: 240, toSeconds: 240 },
      ],
    });
    expect(impact({ ...NOBODY, durations: [] }).downtime).toBeNull();
    expect(impact({ ...NOBODY, durations: [] }).warnings).toContain(
      'no rollout of it was measured here yet: how long the swap takes is not known',
    );
    // What it took years ago says nothing of today.
    expect(impact({ ...NOBODY, durations: [...Array<number>(20).fill(10), 900] }).downtime).toMatchObject({ toSeconds: 10 });
  });
});

describe('the risk', () => {
  it.each([
    ['LOW where nobody keeps state and nothing was changed', NOBODY, 'LOW'],
    ['LOW where only tables were added', { consumers: [] }, 'LOW'],
    ['MEDIUM where data was changed and can be changed back', { ...NOBODY, migrations: [table('a', { kind: 'alter_table' })] }, 'MEDIUM'],
    ['MEDIUM where a declaration cannot be read', { ...NOBODY, undeclared: [{ version: '1.2.3', why: 'gone' }] }, 'MEDIUM'],
    [
      'MEDIUM where a workload of the cluster keeps state',
      { ...NOBODY, cluster: { at: '', workloads: [{ namespace: 'a', name: 'b', state: true }] } },
      'MEDIUM',
    ],
    ['HIGH where something cannot be undone', { ...NOBODY, migrations: [table('a', { kind: 'drop_column', reversible: false })] }, 'HIGH'],
    ['HIGH where a table was made for ever', { ...NOBODY, migrations: [table('a', { reversible: false })] }, 'HIGH'],
    ['HIGH where the target was itself taken back', { ...NOBODY, targetRolledBackAt: '2026-11-01' }, 'HIGH'],
  ] as const)('is %s', (_when, more, level) => {
    const report = impact(more as Partial<ImpactFacts>);
    expect(report.risk.level).toBe(level);
    expect(report.recommendation.verdict).toBe(level === 'HIGH' ? 'NOT SAFE WITHOUT A PLAN' : 'SAFE TO ROLLBACK');
    expect(report.summary[0]).toContain(level);
  });

  it('names every reason, the worst first', () => {
    const { risk } = impact({ targetRolledBackAt: '2026-11-01' });
    expect(risk.reasons).toEqual(['1.2.2 was itself rolled back at 2026-11-01', '5 pipelines will reset state']);
  });

  it('says what it does not know', () => {
    const report = impact({ ...NOBODY, cluster: { unread: 'its role may not list' }, undeclared: [{ version: '1.2.3', why: 'gone' }] });
    expect(report.cluster).toEqual({ unread: 'its role may not list' });
    expect(report.warnings.join()).toMatch(/may not list.*no team has registered/);
    expect(report.data.notes).toEqual(['What 1.2.3 changed is not known: gone']);
  });
});

describe('what an image declares of its migrations', () => {
  const read = (label: string) => migrationsOf('1.2.3', { [MIGRATIONS_LABEL]: label });

  it('is read from its label, and an image without one declares none', () => {
    expect(read('[{"kind":"create_table","name":"orders","reversible":true}]')).toEqual({ migrations: [table('orders')] });
    expect(migrationsOf('1.2.3', {})).toEqual({ migrations: [] });
  });

  it.each([
    'none',
    '{}',
    '[{"kind":"create_table","name":"orders"}]',
    '[{"kind":"magic","name":"a","reversible":true}]',
    '[{"kind":"data","name":"a\\nRisk: LOW","reversible":true}]',
    '[{"kind":"data","name":"a","reversible":true,"safe":true}]',
    `[${Array(201).fill('{"kind":"data","name":"a","reversible":true}').join()}]`,
  ])('is not guessed: %.60s', (label) => {
    expect(read(label)).toEqual({ why: expect.stringContaining(MIGRATIONS_LABEL) });
  });
});
