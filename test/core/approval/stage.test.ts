import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../core/approval/decision.ts';
import { approvalProgress, isAskedNow, isMissing, openRound, openRules } from '../../../core/approval/progress.ts';
import { type ApprovalStage, fits, groupOf, isHuman, stagesFor } from '../../../core/approval/stage.ts';
import { decisionBy, promotionIn } from '../promotion/fixture.ts';

const promotion = promotionIn('pending_approval');
const by = (subject: string, ...teams: string[]): Decision => decisionBy(subject, promotion, { teams, roles: [] });
const rule = (team: string, min = 1) => ({ team, min });
const stage = (name: string, ...rules: ApprovalStage['rules']): ApprovalStage => ({ name, rules });
const progressOf = (stages: ApprovalStage[], ...decisions: Decision[]) => approvalProgress(stages, decisions, promotion.planHash);
const statuses = (stages: ApprovalStage[], ...decisions: Decision[]) => progressOf(stages, ...decisions).stages.map(({ status }) => status);

describe('a rule', () => {
  it('is fulfilled by a team, a role or a service, by what it names and by nothing else', () => {
    const groups = { teams: ['leads'], roles: ['cpi'], automated: 'risk' };
    const table: [Parameters<typeof fits>[0], boolean][] = [
      [{ team: 'leads' }, true],
      [{ team: 'cpi' }, false],
      [{ role: 'cpi' }, true],
      [{ role: 'leads' }, false],
      [{ automated: 'risk' }, true],
      [{ automated: 'leads' }, false],
      [{}, false],
    ];
    for (const [one, expected] of table) expect(fits(one, groups), JSON.stringify(one)).toBe(expected);
    expect(fits({ automated: 'risk' }, { teams: [], roles: [] })).toBe(false);
    expect(fits({}, { teams: [], roles: [] })).toBe(false);
  });

  it('is named by its group', () => {
    expect([{ team: 'a', min: 1 }, { role: 'b', min: 1 }, { automated: 'c', min: 1 }, { min: 1 }].map(groupOf)).toEqual([
      'a',
      'b',
      'c',
      'nobody',
    ]);
    expect(
      [
        { team: 'a', min: 1 },
        { automated: 'c', min: 1 },
      ].map(isHuman),
    ).toEqual([true, false]);
  });
});

describe('the stages of a plan', () => {
  const facts = { impact: 'high', type: 'api', kind: 'promote' } as const;
  it('are those whose condition fits the request, each kind of fact apart', () => {
    const when = (condition: Parameters<typeof stagesFor>[0][number]['when']) =>
      stagesFor([{ ...stage('s', rule('a')), when: condition! }], facts).length;
    expect([when({}), when({ impact: ['high', 'critical'] }), when({ type: ['api'] }), when({ kind: ['promote'] })]).toEqual([1, 1, 1, 1]);
    expect([when({ impact: ['low'] }), when({ type: ['policy'] }), when({ kind: ['rollback'] })]).toEqual([0, 0, 0]);
    expect(when({ impact: ['high'], type: ['policy'] })).toBe(0);
  });

  it('do not keep the condition: it is answered, and is no part of what is approved', () => {
    expect(stagesFor([stage('a', rule('a')), { ...stage('b', rule('b')), when: { impact: ['high'] } }], facts)).toEqual([
      stage('a', rule('a')),
      stage('b', rule('b')),
    ]);
  });
});

describe('progress', () => {
  const sequential = [stage('one', rule('a')), stage('two', rule('b'))];
  const parallel: ApprovalStage[] = [stage('one', rule('a')), { ...stage('two', rule('b')), parallel: true }, stage('three', rule('c'))];

  it('opens stages one after the other', () => {
    expect(statuses(sequential)).toEqual(['pending', 'waiting']);
    expect(statuses(sequential, by('x', 'b'))).toEqual(['pending', 'waiting']);
    expect(statuses(sequential, by('x', 'a'))).toEqual(['approved', 'pending']);
    expect(statuses(sequential, by('x', 'a'), by('y', 'b'))).toEqual(['approved', 'approved']);
  });

  it('opens parallel stages together, and the next one after all of them', () => {
    expect(statuses(parallel)).toEqual(['pending', 'pending', 'waiting']);
    expect(statuses(parallel, by('x', 'b'))).toEqual(['pending', 'approved', 'waiting']);
    expect(statuses(parallel, by('x', 'a'), by('y', 'b'))).toEqual(['approved', 'approved', 'pending']);
    expect(progressOf(parallel, by('x', 'b'))).toMatchObject({ stagesMet: 1, complete: false });
    expect(progressOf(parallel, by('x', 'a'), by('y', 'b'), by('z', 'c'))).toMatchObject({ stagesMet: 3, complete: true });
    // A first stage has none to open with.
    expect(statuses([{ ...stage('one', rule('a')), parallel: true }])).toEqual(['pending']);
  });

  it('counts a person once over all stages, parallel or not', () => {
    expect(progressOf(sequential, by('x', 'a', 'b')).stages.map(({ rules }) => rules[0]!.given.length)).toEqual([1, 0]);
    expect(statuses(parallel, by('x', 'a', 'b', 'c'))).toEqual(['approved', 'pending', 'waiting']);
    const [one, second] = [by('x', 'a'), by('x2', 'b')];
    const alias = { ...second, actor: { ...second.actor, email: 'X+2@Example.com' } };
    expect(progressOf(sequential, one, alias).complete).toBe(false);
  });

  it('gives people to rules so that as many as possible are met: a greedy choice would not', () => {
    const both = [stage('s', rule('a'), rule('b'))];
    expect(progressOf(both, by('x', 'a', 'b'), by('y', 'a')).complete).toBe(true);
    expect(progressOf(both, by('y', 'a'), by('x', 'a', 'b')).complete).toBe(true);
    expect(progressOf([stage('s', rule('a', 2), rule('b'))], by('x', 'a', 'b'), by('y', 'a', 'b'), by('z', 'a')).complete).toBe(true);
    expect(progressOf(both, by('x', 'a'), by('y', 'a')).complete).toBe(false);
  });

  it('is rejected by one, and needs nothing where nothing is asked', () => {
    expect(progressOf(sequential, by('x', 'a'), { ...by('y', 'b'), decision: 'reject' })).toMatchObject({
      rejected: true,
      complete: false,
    });
    expect(statuses(sequential, { ...by('y', 'b'), decision: 'reject' })).toEqual(['rejected', 'rejected']);
    expect(progressOf([])).toEqual({ required: false, stages: [], stagesMet: 0, complete: true, rejected: false });
  });

  it('is brought on by who would free somebody of two groups, also over a chain of them', () => {
    const stages = [stage('s', rule('a'), rule('b'), rule('c'), rule('d'))];
    const open = openRules(stages, progressOf(stages, by('x', 'a', 'b'), by('y', 'b', 'c')));
    expect(open.map((each) => [each.rule.team, each.through.map(({ team }) => team)])).toEqual([
      ['c', ['c', 'b', 'a']],
      ['d', ['d']],
    ]);
    const helps = (team: string) => isMissing([open[0]!], { teams: [team], roles: [] });
    expect([helps('a'), helps('b'), helps('c'), helps('d')]).toEqual([true, true, true, false]);
    expect(progressOf(stages, by('x', 'a', 'b'), by('y', 'b', 'c'), by('z', 'a')).stages[0]!.rules.map(({ met }) => met)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('says what is missing now, and which groups are heard', () => {
    const stages = [stage('one', rule('a', 2), rule('b')), stage('two', rule('c'))];
    const progress = progressOf(stages, by('x', 'a'), by('y', 'b'));
    expect(openRules(stages, progress)).toEqual([{ rule: rule('a', 2), missing: 1, through: [rule('a', 2)] }]);
    expect(openRound(progress)).toBe(0);
    expect(openRules(stages, progressOf(stages, { ...by('x', 'a'), decision: 'reject' }))).toEqual([]);
    expect(openRound(progressOf([]))).toBeUndefined();
    const heard = (team: string) => isAskedNow(stages, progress, { teams: [team], roles: [] });
    expect([heard('a'), heard('b'), heard('c')]).toEqual([true, true, false]);
  });
});
