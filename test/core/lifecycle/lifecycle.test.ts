import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../../core/environment/configuration-file.ts';
import { compatibilityOf } from '../../../core/lifecycle/compatibility.ts';
import { type StandingFacts, standingOf } from '../../../core/lifecycle/lifecycle.ts';
import { dueReminder } from '../../../core/lifecycle/remind.ts';
import { milestonesOf, recommendationOf } from '../../../core/lifecycle/report.ts';
import { isDay, readSupportWindow, shifted } from '../../../core/lifecycle/support-window.ts';
import { lifecycleWarnings, refusedBecause, refuseUnusable } from '../../../core/lifecycle/use.ts';
import { versionName } from '../../../core/registry/version-name.ts';

const NOW = new Date('2026-06-15T12:00:00Z');

/** Seed 001's block as it stands. */
const SEED = `
environments: { dev: {}, prod: {} }
platform: { ref: "oci://registry.example.com/floe-platform:v1.2.*" }
artifacts:
  lifecycle:
    v1.0.0:
      status: eol
      eol_date: 2023-12-31
      deprecation_date: 2023-06-30
      replacement: v1.1.0
      support_window: 12 months
`;

function configured(text: string) {
  const read = readConfiguration(text, { complete: false });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read;
}

function standing(facts: Partial<StandingFacts> = {}, text = SEED) {
  const { configuration } = configured(text);
  return standingOf({ configuration, artifact: 'floe-platform', version: 'v1.0.0', records: [], now: NOW, ...facts });
}

describe('REQ-340: the life of a version', () => {
  it('is what the configuration of seed 001 says of it, in every spelling, for the artifact of platform.ref', () => {
    const eol = { status: 'eol', eolDate: '2023-12-31', deprecationDate: '2023-06-30', replacement: 'v1.1.0', supportWindow: '12 months' };
    expect(standing().lifecycle).toMatchObject({ ...eol, declared: true, estimated: false });
    expect(standing({ version: '1.0.0-prod' }).lifecycle).toMatchObject(eol);
    expect(standing({ artifact: 'other' }).lifecycle).toMatchObject({ status: 'active', declared: false });
  });

  it('names one artifact where the key does, and warns where it speaks of every one', () => {
    const text =
      'environments: { dev: {} }\ncatalog: { a: { tenant: t }, b: { tenant: t } }\nartifacts: { lifecycle: { "a:1.0.0": { status: deprecated }, 2.0.0: { status: eol } } }\n';
    expect(standing({ artifact: 'a', version: '1.0.0' }, text).lifecycle.status).toBe('deprecated');
    expect(standing({ artifact: 'b', version: '1.0.0' }, text).lifecycle.status).toBe('active');
    expect(standing({ artifact: 'b', version: '2.0.0' }, text).lifecycle.status).toBe('eol');
    expect(configured(text).warnings.join()).toMatch(/write NAME:2\.0\.0/);
  });

  it('what was said by the API wins, member by member, and dates that have come win over words', () => {
    const record = (entry: object) => [{ version: '1.0.0', entry: { at: '', by: '', ...entry } }];
    expect(standing({ records: record({ status: 'active', eolDate: '2027-01-01' }) }).lifecycle).toMatchObject({
      status: 'deprecated',
      replacement: 'v1.1.0',
    });
    expect(standing({ version: 'v2.0.0', records: [] }).lifecycle.status).toBe('active');
    const own = [{ version: 'v2.0.0', entry: { at: '', by: '', status: 'active' as const, deprecationDate: '2026-06-15' } }];
    expect(standing({ version: 'v2.0.0', records: own }).lifecycle.status).toBe('deprecated');
    expect(standing({ version: 'v2.0.0', records: own, now: new Date('2026-06-14T23:59:59Z') }).lifecycle.status).toBe('active');
  });

  it('is estimated from the support window, which changes no status', () => {
    const text = `${SEED}  support: { window: 1 year, deprecate_before: 2 months }\n`;
    expect(standing({ version: 'v1.2.3', createdAt: '2024-01-15T09:00:00Z' }, text).lifecycle).toMatchObject({
      status: 'active',
      estimated: true,
      eolDate: '2025-01-15',
      deprecationDate: '2024-11-15',
    });
    expect(standing({ version: 'v1.2.3' }, text).lifecycle.eolDate).toBeUndefined();
  });

  it('a quarantine holds for the version in every spelling and for its content under every name', () => {
    const records = [{ version: '3.0.0', quarantine: { reason: 'bad', at: '2026-01-01', by: 'x', digest: 'sha256:1' } }];
    expect(standing({ version: 'v3.0.0', records }).quarantine?.reason).toBe('bad');
    expect(standing({ version: 'hotfix', digest: 'sha256:1', records }).quarantine?.reason).toBe('bad');
    expect(standing({ version: 'hotfix', digest: 'sha256:2', records }).quarantine).toBeUndefined();
    expect(standing({ version: 'hotfix', records }).quarantine).toBeUndefined();
  });

  it('refuses what is in quarantine always, and what has reached its end where the configuration says so', () => {
    const use = { artifact: 'a', version: '1.0.0', blockEol: false };
    const eol = standing();
    expect(refusedBecause({ ...use, standing: eol })).toBeUndefined();
    expect(() => refuseUnusable({ ...use, standing: eol })).not.toThrow();
    expect(refusedBecause({ ...use, standing: eol, blockEol: true })).toMatchObject({ hint: 'use v1.1.0' });
    const bare = { lifecycle: { status: 'eol' as const, declared: true, estimated: false } };
    expect(refusedBecause({ ...use, standing: bare, blockEol: true })?.hint).toMatch(/supported/);
    const held = { ...bare, quarantine: { reason: 'bad', at: 'then', by: 'x' } };
    expect(() => refuseUnusable({ ...use, standing: held })).toThrow(/quarantine since then: bad/);
  });

  it('warns wherever a version is used that is not active', () => {
    expect(lifecycleWarnings('a', '1.0.0', standing())).toEqual([
      'a 1.0.0 is past its end of life (2023-12-31) and not supported any more; move to v1.1.0',
    ]);
    const deprecated = { status: 'deprecated' as const, declared: true, estimated: false };
    expect(lifecycleWarnings('a', '1', { lifecycle: deprecated })).toEqual(['a 1 is deprecated']);
    expect(
      lifecycleWarnings('a', '1', { lifecycle: { ...deprecated, estimated: true, deprecationDate: '2026-01-01', eolDate: '2027-01-01' } }),
    ).toEqual(['a 1 is deprecated since 2026-01-01; its estimated end of life is 2027-01-01']);
    expect(
      lifecycleWarnings('a', '1', {
        lifecycle: { ...deprecated, status: 'active' },
        quarantine: { reason: 'bad', at: 'then', by: 'x' },
      }),
    ).toEqual(['a 1 is in quarantine since then: bad']);
    expect(lifecycleWarnings('a', '1', { lifecycle: { ...deprecated, status: 'eol', eolDate: '2026-01-01' } })).toHaveLength(1);
    expect(lifecycleWarnings('a', '1', { lifecycle: { ...deprecated, status: 'eol' } })[0]).not.toMatch(/\(/);
  });

  it('tells what lies ahead and what to do about it', () => {
    const life = { status: 'active' as const, declared: false, estimated: true, deprecationDate: '2024-12-15', eolDate: '2025-01-15' };
    expect(milestonesOf(life, '2024-02-01').map(({ date, kind }) => `${date} ${kind}`)).toEqual([
      '2024-12-15 deprecation',
      '2025-01-15 eol',
    ]);
    expect(milestonesOf(life, '2024-12-15')).toHaveLength(1);
    expect(milestonesOf({ status: 'active', declared: false, estimated: false }, '2024-12-15')).toEqual([]);
    expect(recommendationOf(life, 'v1.3.0', true)).toBe('Plan upgrade to v1.3.0 before EOL');
    expect(recommendationOf({ ...life, replacement: 'v2.0.0' }, 'v1.3.0', true)).toBe('Plan upgrade to v2.0.0 before EOL');
    expect(recommendationOf({ status: 'active', declared: false, estimated: false }, 'v1.3.0', true)).toBe('Plan upgrade to v1.3.0');
    expect(recommendationOf({ ...life, status: 'eol' }, 'v1.3.0', true)).toMatch(/now/);
    expect(recommendationOf(life, undefined, true)).toMatch(/no newer/);
    expect(recommendationOf({ ...life, status: 'eol' }, undefined, true)).toMatch(/Publish/);
    expect(recommendationOf(life, 'v1.3.0', false)).toMatch(/nothing uses/);
    expect(recommendationOf({ ...life, status: 'eol' }, 'v1.3.0', false)).toMatch(/any more/);
  });

  it('reminds once at each mark ahead of a declared end, and at the nearest one when some were missed', () => {
    const life = { status: 'deprecated' as const, declared: true, estimated: false, eolDate: '2026-07-10' };
    const days = [90, 30, 7];
    expect(dueReminder(life, days, [], NOW)).toEqual({ key: '2026-07-10#30', daysLeft: 25, eolDate: '2026-07-10' });
    expect(dueReminder(life, days, ['2026-07-10#30'], NOW)).toBeUndefined();
    expect(dueReminder(life, days, ['2026-07-10#30'], new Date('2026-07-03T00:00:00Z'))?.key).toBe('2026-07-10#7');
    expect(dueReminder({ ...life, eolDate: '2027-07-10' }, days, [], NOW)).toBeUndefined();
    expect(dueReminder({ ...life, estimated: true }, days, [], NOW)).toBeUndefined();
    expect(dueReminder({ ...life, status: 'eol' }, days, [], NOW)).toBeUndefined();
    expect(dueReminder({ status: 'active', declared: false, estimated: false }, days, [], NOW)).toBeUndefined();
  });

  it('reads support windows and days as people write them', () => {
    expect(readSupportWindow('12 months')).toMatchObject({ months: 12, days: 0 });
    expect(readSupportWindow('1 year')).toMatchObject({ months: 12 });
    expect(readSupportWindow('90days')).toMatchObject({ days: 90 });
    expect(readSupportWindow('6 weeks')).toMatchObject({ days: 42 });
    for (const wrong of ['soon', '12', '200 years', '40000 days', '']) expect(readSupportWindow(wrong)).toBeUndefined();
    expect(shifted('2024-01-31', { text: '', months: 1, days: 0 })).toBe('2024-02-29');
    expect(shifted('2024-03-31T10:00:00Z', { text: '', months: 1, days: 1 }, -1)).toBe('2024-02-28');
    expect(['2026-02-30', '2026-2-3', '2026-02-28'].map(isDay)).toEqual([false, false, true]);
  });

  it('mistakes in the configuration are named', () => {
    const wrong = readConfiguration(
      'environments: { dev: {} }\nartifacts: { lifecycle: { v1: { status: eol, eol_date: tomorrow, support_window: long }, v2: { status: eol, eol_date: 2026-01-01, deprecation_date: 2026-02-01 } } }\n',
      { complete: false },
    );
    expect(wrong.ok).toBe(false);
    expect(JSON.stringify(wrong)).toMatch(/not a day.*not a length of time.*deprecated after its end/s);
  });
});

describe('REQ-333: schema compatibility', () => {
  const at = (version: string, schema?: string, reads?: string) => ({
    name: versionName(version),
    labels: {
      ...(schema === undefined ? {} : { 'greenlight.dev/schema': schema }),
      ...(reads === undefined ? {} : { 'greenlight.dev/schema-reads': reads }),
    },
  });

  it.each([
    ['1.2.3', '1.4', '1.3.0', '1.6', undefined, 'compatible', 'schema'],
    ['1.2.3', '1.4', '2.0.0', '2.0', undefined, 'incompatible', 'schema'],
    ['1.2.3', '1.4', '2.0.0', '2.0', '1.2', 'compatible', 'schema'],
    ['1.2.3', '1.4', '2.0.0', '2.0', '1.5', 'incompatible', 'schema'],
    ['1.2.3', '1.4', '1.2.4', '1.3', undefined, 'incompatible', 'schema'],
    ['1.2.3', undefined, '1.9.0', '1.3', undefined, 'compatible', 'version'],
    ['1.2.3', undefined, '2.0.0', undefined, undefined, 'incompatible', 'version'],
    ['0.2.3', undefined, '0.3.0', undefined, undefined, 'incompatible', 'version'],
    ['0.2.3', undefined, '0.2.9', 'one', undefined, 'compatible', 'version'],
    ['nightly', undefined, '1.0.0', undefined, undefined, 'incompatible', 'version'],
  ])('from %s (%s) to %s (%s, reads %s): %s by %s', (from, schema, to, next, reads, status, by) => {
    expect(compatibilityOf({ from: at(from, schema), to: at(to, next, reads) })).toMatchObject({ status, by });
  });
});
