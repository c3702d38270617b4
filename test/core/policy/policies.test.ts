import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalEmail } from '../../../core/access/identity.ts';
import type { EnvironmentHistoryEntry } from '../../../core/environment/environment.ts';
import { evaluatePolicy, type PolicyFacts } from '../../../core/policy/evaluate.ts';
import { type ArtifactPast, factsAt, publishedStays, staysOf } from '../../../core/policy/past.ts';
import { isFor, type PromotionPolicy, policyActor, policyHash } from '../../../core/policy/promotion-policy.ts';
import { type PolicyRecord, replayPolicy } from '../../../core/policy/replay.ts';
import { policyRequest } from '../../../core/policy/request-of.ts';
import { requestBodySchema } from '../../../core/promotion/request-body.ts';
import { versionName } from '../../../core/registry/version-name.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-03-01T00:00:00.000Z');
const day = (days: number) => new Date(START + days * DAY).toISOString();
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

const POLICY: PromotionPolicy = {
  name: 'auto',
  enabled: true,
  from: 'staging',
  to: 'prod',
  prereleases: false,
  allTestsPass: true,
  noRegressions: true,
  soakSeconds: 7 * 86_400,
  metrics: [],
  notify: [],
};
const FACTS: PolicyFacts = {
  artifact: 'payment-api',
  version: '1.2.0',
  digest: digest('b'),
  since: day(0),
  checked: { requestId: 'PR-2026-0001', gates: [{ name: 'policy', type: 'policy', status: 'passed' }] },
  target: { version: '1.1.0', digest: digest('a'), isLater: false },
  unwell: [],
  metrics: [],
};
const entry = (version: string, letter: string, at: number, more: Partial<EnvironmentHistoryEntry> = {}): EnvironmentHistoryEntry => ({
  version,
  digest: digest(letter),
  requestId: `PR-${letter}${at}`,
  at: day(at),
  outcome: 'succeeded',
  ...more,
});
const past = (staging: EnvironmentHistoryEntry[], prod: EnvironmentHistoryEntry[], more: Partial<ArtifactPast> = {}): ArtifactPast => ({
  artifact: 'payment-api',
  stays: staysOf(staging),
  gates: new Map(staging.map(({ requestId }) => [requestId, [{ name: 'policy', type: 'policy', status: 'passed' }]])),
  to: 'prod',
  path: ['dev', 'staging', 'prod'],
  scheme: 'semver',
  histories: { dev: [], staging, prod },
  requests: [],
  ...more,
});

describe('a policy of promotion', () => {
  it('asks when every condition holds', () => {
    const { outcome, conditions, due } = evaluatePolicy(POLICY, FACTS, day(7));
    expect([outcome, due]).toEqual(['promote', day(7)]);
    expect(conditions.map(({ name, met }) => [name, met])).toEqual([
      ['all_tests_pass', true],
      ['soak', true],
      ['no_regressions', true],
    ]);
  });

  it.each([
    ['a day too early', FACTS, day(6), 'until 2026-03-08'],
    [
      'after a waived gate',
      { ...FACTS, checked: { requestId: 'PR-1', gates: [{ name: 'scan', type: 'vulnerability', status: 'waived' }] } },
      day(9),
      'scan waived',
    ],
    ['while the source is not well', { ...FACTS, unwell: ['staging is in state failed'] }, day(9), 'state failed'],
    [
      'after a performance gate that was no clear pass',
      { ...FACTS, checked: { requestId: 'PR-1', gates: [{ name: 'speed', type: 'performance_baseline', status: 'inconclusive' }] } },
      day(9),
      'speed inconclusive',
    ],
    ['while another version is under way', { ...FACTS, open: { requestId: 'PR-9', digest: digest('c') } }, day(9), 'PR-9'],
  ] as const)('waits %s', (_what, facts, at, why) => {
    const decision = evaluatePolicy(POLICY, facts as PolicyFacts, at);
    expect(decision.outcome).toBe('wait');
    expect(decision.because).toContain(why);
  });

  it.each([
    ['a rollback on request in the target', { takenBack: { requestId: 'PR-5', at: day(1) } }, 'PR-5'],
    ['the version was taken back', { regression: { environment: 'staging', requestId: 'PR-6', at: day(1) } }, 'PR-6'],
    ['a person has refused it', { ended: { requestId: 'PR-7', phase: 'rejected' } }, 'rejected'],
    ['the target is ahead', { target: { version: '2.0.0', digest: digest('d'), isLater: true } }, '2.0.0'],
    ['the version is in quarantine', { refused: 'payment-api 1.2.0 is in quarantine' }, 'quarantine'],
  ] as const)('leaves it to a person when %s', (_what, more, why) => {
    const decision = evaluatePolicy(POLICY, { ...FACTS, ...more }, day(30));
    expect(decision.outcome).toBe('hold');
    expect(decision.because).toContain(why);
  });

  it('has nothing to do where the version is there, or asked for', () => {
    expect(evaluatePolicy(POLICY, { ...FACTS, target: { version: '1.2.0', digest: digest('b'), isLater: false } }, day(9)).outcome).toBe(
      'none',
    );
    expect(evaluatePolicy(POLICY, { ...FACTS, open: { requestId: 'PR-9', digest: digest('b') } }, day(9)).outcome).toBe('none');
  });

  it('takes a metric that was not measured, or not clearly good, for a failure', () => {
    const measured = { ...POLICY, metrics: [{ name: 'errors', prometheus: 'https://p.example', query: 'e', max: 1 }] };
    const outcome = (metrics: PolicyFacts['metrics']) => evaluatePolicy(measured, { ...FACTS, metrics }, day(9)).outcome;
    expect([outcome([]), outcome([{ name: 'errors', problem: 'errors: 2 is above 1' }]), outcome([{ name: 'errors' }])]).toEqual([
      'wait',
      'wait',
      'promote',
    ]);
  });

  it('says that nothing is checked in the environment where versions are published', () => {
    const { checked: _none, ...published } = FACTS;
    expect(evaluatePolicy({ ...POLICY, soakSeconds: 0 }, published, day(0)).because).toContain('nothing is checked in staging');
    expect(evaluatePolicy({ ...POLICY, soakSeconds: 0, allTestsPass: false, noRegressions: false }, published, day(0))).toEqual({
      outcome: 'promote',
      because: 'the policy has no conditions',
      conditions: [],
    });
  });

  it('never asks when a condition is missing, whatever else is known (property)', () => {
    const facts = fc.record(
      {
        unwell: fc.array(fc.constant('not well'), { maxLength: 1 }),
        status: fc.constantFrom('passed', 'failed', 'errored', 'inconclusive', 'waived', 'not_run'),
        days: fc.integer({ min: 0, max: 14 }),
        takenBack: fc.constant({ requestId: 'PR-5', at: day(1) }),
        regression: fc.constant({ environment: 'prod', requestId: 'PR-6', at: day(1) }),
        open: fc.constantFrom({ requestId: 'PR-9', digest: digest('c') }, { requestId: 'PR-8', digest: digest('b') }),
        ended: fc.constant({ requestId: 'PR-7', phase: 'failed' }),
        refused: fc.constant('quarantine'),
        isLater: fc.boolean(),
        there: fc.boolean(),
      },
      { requiredKeys: ['unwell', 'status', 'days', 'isLater', 'there'] },
    );
    fc.assert(
      fc.property(facts, ({ status, days, isLater, there, ...more }) => {
        const given = {
          ...FACTS,
          ...more,
          checked: { requestId: 'PR-1', gates: [{ name: 'g', type: 'policy', status }] },
          target: { version: '1.1.0', digest: there ? digest('b') : digest('a'), isLater },
        } as PolicyFacts;
        const isFree = !more.takenBack && !more.regression && !more.open && !more.ended && !more.refused && !isLater && !there;
        const isMet = status === 'passed' && days >= 7 && more.unwell.length === 0;
        expect(evaluatePolicy(POLICY, given, day(days)).outcome === 'promote').toBe(isFree && isMet);
      }),
    );
  });
});

describe('the past of an artifact', () => {
  it('is stays without interruption: what failed, was taken back or repaired interrupts none', () => {
    const history = [
      entry('1.3.0', 'c', 9),
      entry('1.1.0', 'a', 6, { kind: 'repair' }),
      entry('1.2.1', 'd', 5, { outcome: 'rolled_back' }),
      entry('1.2.0', 'b', 4),
      entry('1.2.0', 'b', 2),
      entry('1.1.0', 'a', 0, { outcome: 'adopted', requestId: 'adopted' }),
    ];
    expect(staysOf(history)).toEqual([
      { version: '1.1.0', digest: digest('a'), since: day(0), until: day(2) },
      { version: '1.2.0', digest: digest('b'), requestId: 'PR-b2', since: day(2), until: day(9) },
      { version: '1.3.0', digest: digest('c'), requestId: 'PR-c9', since: day(9) },
    ]);
  });

  it('begins, where versions are published, with the push of a later one; a fix of an older line takes nobody’s place', () => {
    const known = (text: string, letter: string, at?: number) => ({
      name: versionName(text),
      digest: digest(letter),
      ...(at === undefined ? {} : { at: day(at) }),
    });
    const versions = [known('2.0.0', 'b', 2), known('1.0.0', 'a', 0), known('1.0.1', 'c', 3), known('0.9.0', 'd')];
    expect(publishedStays(versions, 'semver').map(({ version, until }) => [version, until])).toEqual([
      ['1.0.0', day(2)],
      ['2.0.0', undefined],
    ]);
    expect(publishedStays(versions, 'opaque').map(({ version }) => version)).toEqual(['1.0.0', '2.0.0', '1.0.1']);
  });

  it('knows what was taken back, until it succeeds again', () => {
    const staging = [entry('1.2.0', 'b', 0)];
    const failed = entry('1.2.0', 'b', 1, { outcome: 'rolled_back' });
    const facts = (prod: EnvironmentHistoryEntry[], at = 9) => factsAt(past(staging, prod), staysOf(staging)[0]!, day(at));
    expect(facts([failed]).regression?.environment).toBe('prod');
    expect(facts([failed], 0).regression).toBeUndefined();
    expect(facts([entry('1.2.0', 'b', 3), failed]).regression).toBeUndefined();
    const back = entry('1.1.0', 'a', 5, { kind: 'rollback', replaced: '1.2.0' });
    expect(facts([back, entry('1.2.0', 'b', 3)])).toMatchObject({
      regression: { requestId: back.requestId },
      takenBack: { requestId: back.requestId },
    });
  });

  it('knows which requests stood at an instant, and which had ended without success', () => {
    const staging = [entry('1.2.0', 'b', 0)];
    const requests = [
      { id: 'PR-1', digest: digest('b'), phase: 'rejected', createdAt: day(1), updatedAt: day(3) } as const,
      { id: 'PR-2', digest: digest('c'), phase: 'pending_approval', createdAt: day(2), updatedAt: day(2) } as const,
    ];
    const facts = (at: number) => factsAt(past(staging, [], { requests }), staysOf(staging)[0]!, day(at));
    expect(facts(0)).not.toHaveProperty('open');
    expect(facts(2).open).toEqual({ requestId: 'PR-1', digest: digest('b') });
    expect([facts(4).open?.requestId, facts(4).ended]).toEqual(['PR-2', { requestId: 'PR-1', phase: 'rejected' }]);
  });

  it('compares versions by number only', () => {
    const staging = [entry('1.2.0', 'b', 0)];
    const isLater = (version: string, scheme: ArtifactPast['scheme']) =>
      factsAt(past(staging, [entry(version, 'e', 1)], { scheme }), staysOf(staging)[0]!, day(9)).target?.isLater;
    expect([isLater('1.10.0', 'semver'), isLater('1.1.0', 'semver'), isLater('1.10.0', 'opaque'), isLater('build-9', 'semver')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('what a past may lack', () => {
  it('is no fact: gates that were not read, an environment without a past, a request that began later', () => {
    const staging = [entry('1.2.0', 'b', 0)];
    const bare = past(staging, [], { gates: new Map(), histories: {} });
    expect(factsAt(bare, staysOf(staging)[0]!, day(1))).toEqual({
      ...{ artifact: 'payment-api', version: '1.2.0', digest: digest('b'), since: day(0) },
      ...{ unwell: [], metrics: [] },
    });
  });

  it('leaves a version that the target has moved on from to people', () => {
    const staging = [entry('1.2.0', 'b', 2)];
    const moved = [entry('1.1.0', 'a', 5), entry('1.2.0', 'b', 3)];
    expect(factsAt(past(staging, moved), staysOf(staging)[0]!, day(9)).movedOn).toEqual({ requestId: 'PR-b3' });
    const before = [entry('1.1.0', 'a', 5), entry('1.2.0', 'b', 1)];
    expect(factsAt(past(staging, before), staysOf(staging)[0]!, day(9)).movedOn).toEqual({ requestId: 'PR-b1' });
    expect(evaluatePolicy(POLICY, { ...FACTS, movedOn: { requestId: 'PR-b3' } }, day(9)).outcome).toBe('hold');
  });

  it('is ordered: the request for the version itself, then the newest', () => {
    const staging = [entry('1.2.0', 'b', 0)];
    const open = (id: string, letter: string, at: number) =>
      ({ id, digest: digest(letter), phase: 'pending_approval', createdAt: day(at), updatedAt: day(at) }) as const;
    const first = (...requests: ReturnType<typeof open>[]) =>
      factsAt(past(staging, [], { requests }), staysOf(staging)[0]!, day(9)).open?.requestId;
    expect(first(open('PR-1', 'c', 1), open('PR-2', 'd', 2))).toBe('PR-2');
    expect(first(open('PR-2', 'd', 2), open('PR-1', 'c', 1))).toBe('PR-2');
    expect(first(open('PR-1', 'b', 1), open('PR-2', 'd', 2))).toBe('PR-1');
  });
});

describe('the replay of a policy', () => {
  const period = { since: day(0), until: day(60) };

  it('says what it would have asked for, when, and what became of it', () => {
    const staging = [entry('1.4.0', 'e', 55), entry('1.3.0', 'd', 30), entry('1.2.5', 'c', 28), entry('1.2.0', 'b', 1)];
    const prod = [
      entry('1.2.0', 'b', 46, { kind: 'rollback', replaced: '1.3.0' }),
      entry('1.3.0', 'd', 45),
      entry('1.2.0', 'b', 20),
      entry('1.1.0', 'a', 0, { outcome: 'adopted' }),
    ];
    const { versions } = replayPolicy(POLICY, [past(staging, prod)], [], period);
    expect(versions.map(({ version, outcome, hoursEarlier, actual }) => [version, outcome, hoursEarlier, actual?.outcome])).toEqual([
      ['1.2.0', 'promote', 12 * 24, 'succeeded'],
      ['1.2.5', 'left', undefined, undefined],
      ['1.3.0', 'promote', 8 * 24, 'rolled_back'],
      ['1.4.0', 'wait', undefined, undefined],
    ]);
  });

  it('names what people had done before it, and what it would have left to them', () => {
    const staging = [entry('1.3.0', 'c', 20), entry('1.2.0', 'b', 0)];
    const prod = [entry('1.1.0', 'a', 10, { kind: 'rollback', replaced: '1.2.0' }), entry('1.2.0', 'b', 3), entry('1.1.0', 'a', 0)];
    const { versions } = replayPolicy(POLICY, [past(staging, prod)], [], period);
    expect(versions.map(({ version, outcome }) => [version, outcome])).toEqual([
      ['1.2.0', 'promoted'],
      ['1.3.0', 'hold'],
    ]);
  });

  it('leaves out artifacts that the policy is not for, and what lies outside of the period', () => {
    const staging = [entry('1.2.0', 'b', 0)];
    const other = { ...POLICY, artifacts: ['web-*'] };
    expect(replayPolicy(other, [past(staging, [])], [], period).versions).toEqual([]);
    expect(replayPolicy(POLICY, [past(staging, [])], [], { since: day(-9), until: day(-1) }).versions).toEqual([]);
  });

  it('decides every recorded decision again, and says which a changed rule would not have made', () => {
    const record: PolicyRecord = { policy: POLICY, facts: FACTS, at: day(8), requestId: 'PR-2026-0009' };
    expect(replayPolicy(POLICY, [], [record], period).recorded).toEqual({ total: 1, reproduced: 1, otherRule: 0, differing: [] });
    const stricter = { ...POLICY, soakSeconds: 14 * 86_400 };
    expect(replayPolicy(stricter, [], [record], period).recorded).toMatchObject({
      ...{ total: 1, reproduced: 0, otherRule: 1 },
      differing: [{ requestId: 'PR-2026-0009' }],
    });
  });

  it('asks at the first instant at which the job would, whatever happened before (property)', () => {
    const moves = fc.array(
      fc.record({ env: fc.constantFrom('staging', 'prod'), v: fc.integer({ min: 1, max: 4 }), gap: fc.integer({ min: 1, max: 9 }) }),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(moves, (list) => {
        let at = 0;
        const histories: Record<string, EnvironmentHistoryEntry[]> = { staging: [], prod: [] };
        for (const { env, v, gap } of list) {
          at += gap;
          histories[env]!.unshift(entry(`1.${v}.0`, 'abcd'[v - 1]!, at));
        }
        const whole = past(histories['staging']!, histories['prod']!);
        const until = { since: day(0), until: day(at + 30) };
        const { versions } = replayPolicy(POLICY, [whole], [], until);
        const asked = versions.filter(({ outcome }) => outcome === 'promote');
        // The job, once an hour.
        const byJob: string[] = [];
        for (const stay of whole.stays) {
          for (let hour = Date.parse(stay.since); hour < Date.parse(stay.until ?? until.until); hour += 3_600_000) {
            const now = new Date(hour).toISOString();
            if (evaluatePolicy(POLICY, factsAt(whole, stay, now), now).outcome !== 'promote') continue;
            byJob.push(`${stay.version} ${now}`);
            break;
          }
        }
        expect(asked.map((each) => `${each.version} ${each.at}`).sort()).toEqual(byJob.sort());
      }),
      { numRuns: 60 },
    );
  });
});

describe('who asks and what for', () => {
  it('is the policy under its rule: another rule is somebody else, and no person', () => {
    const actor = policyActor(POLICY);
    expect(actor).toMatchObject({ kind: 'policy', id: expect.stringMatching(/^policy:auto@[0-9a-f]{8}$/) });
    expect(policyActor({ ...POLICY, soakSeconds: 1 }).key).not.toBe(actor.key);
    expect(policyHash({ ...POLICY, enabled: false, notify: ['a@b.example'] })).toBe(policyHash(POLICY));
    expect(canonicalEmail(actor.email)).not.toContain('example');
    expect(isFor({ ...POLICY, artifacts: ['pay*'] }, 'payment-api')).toBe(true);
    expect(isFor({ ...POLICY, artifacts: ['web*'] }, 'payment-api')).toBe(false);
  });

  it('claims what gates have shown or a person has claimed, in a request that a person could have written', () => {
    const decision = evaluatePolicy(POLICY, FACTS, day(8));
    const given = { policy: POLICY, facts: FACTS, decision, type: 'api', evidenceUrl: 'https://greenlight.example/v1/policies' } as const;
    const plain = requestBodySchema.parse(policyRequest(given));
    expect(plain.preChecks).toEqual({
      stagingTestsPassed: true,
      securityScanPassed: false,
      performanceTestsPassed: false,
      testEvidenceUrl: 'https://greenlight.example/v1/policies',
    });
    const source = {
      request: { ...plain.request, releaseNotes: 'Faster', impactAssessment: 'high', priority: 'urgent', scheduledDate: null },
      preChecks: { ...plain.preChecks, securityScanPassed: true, testEvidenceUrl: 'https://ci.example/1' },
    } as const;
    const written = requestBodySchema.parse(policyRequest({ ...given, source }));
    expect(written.request).toMatchObject({ releaseNotes: 'Faster', impactAssessment: 'high', priority: 'urgent' });
    expect(written.preChecks).toMatchObject({ securityScanPassed: true, testEvidenceUrl: 'https://ci.example/1' });
    const { checked: _none, ...published } = FACTS;
    expect(policyRequest({ ...given, facts: published }).preChecks.stagingTestsPassed).toBe(false);
  });
});
