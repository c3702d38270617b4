import { describe, expect, it } from 'vitest';
import { askedApprovers } from '../../../core/approval/asked-approvers.ts';
import { lentAuthority, ownAuthority } from '../../../core/approval/authority.ts';
import type { Decision } from '../../../core/approval/decision.ts';
import { type Delegation, delegationsTo, isActive, isAway } from '../../../core/approval/delegation.ts';
import { eligibleFor, undecided } from '../../../core/approval/eligible.ts';
import { EXCLUSION_WORDS, exclusionOf } from '../../../core/approval/excluded.ts';
import { standingDecisions } from '../../../core/approval/standing.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import { PHASES } from '../../../core/promotion/phase.ts';
import {
  actor,
  approversOf,
  becomes,
  decisionBy,
  delegation,
  demoConfiguration,
  keyOf,
  NOW,
  prodPlan,
  promotionIn,
  robotOf,
} from '../promotion/fixture.ts';

const promotion = promotionIn('pending_approval');
const { plan } = prodPlan();
const at = (minute: number) => new Date(NOW.getTime() + minute * 60_000).toISOString();
const insteadOf = (subject: string, id = `dg-${subject}-qa`) => ({ key: keyOf(subject), email: `${subject}@example.com`, delegation: id });
const approvers = (delegations: Delegation[] = [], change: (configuration: Configuration) => void = () => {}) => {
  const configuration = demoConfiguration();
  change(configuration);
  return approversOf(configuration, delegations);
};

describe('a delegation', () => {
  const holds = delegation('security', 'qa', { since: at(0), until: at(60) });

  it('holds from its beginning on and before its end, unless it was taken back', () => {
    const table: [Partial<Delegation>, string, boolean][] = [
      [{}, at(-1), false],
      [{}, at(0), true],
      [{}, at(59), true],
      [{}, at(60), false],
      [{ revokedAt: at(30) }, at(10), false],
    ];
    for (const [more, now, expected] of table) {
      expect(isActive({ ...holds, ...more }, now), now).toBe(expected);
      const known = { configuration: demoConfiguration(), delegations: [{ ...holds, ...more }], now };
      expect(isAway(known, keyOf('security'))).toBe(expected);
      expect(delegationsTo(known, keyOf('qa'))).toHaveLength(expected ? 1 : 0);
      expect(lentAuthority(known, promotion, keyOf('qa'), [])).toHaveLength(expected ? 1 : 0);
    }
  });

  it('without anybody named says only that its person is away', () => {
    const known = approversOf(demoConfiguration(), [delegation('security')]);
    expect(isAway(known, keyOf('security'))).toBe(true);
    expect(isAway(known, keyOf('lead'))).toBe(false);
    expect(delegationsTo(known, keyOf('qa'))).toEqual([]);
  });
});

describe('whose place somebody may take', () => {
  const lent = (known = approvers([delegation('security', 'qa')]), its = promotion, decisions: Decision[] = []) =>
    lentAuthority(known, its, keyOf('qa'), decisions).map(({ groups }) => groups.teams);

  it('that of who named him or her, with the groups that person has now', () => {
    expect(lent()).toEqual([['security']]);
    expect(lent(approvers([delegation('security', 'qa')], becomes('security', { teams: ['other'] })))).toEqual([['other']]);
  });

  it.each<[string, (configuration: Configuration) => void]>([
    ['was disabled', becomes('security', { disabled: true })],
    ['may not approve there any more', becomes('security', { roles: ['viewer'] })],
    ['approves in another environment only', becomes('security', { roleEnvironments: { approver: ['staging'] } })],
    ['belongs to another tenant now', becomes('security', { tenants: ['tenant-retail'] })],
  ])('not of one who %s', (_name, change) => {
    expect(lent(approvers([delegation('security', 'qa')], change))).toEqual([]);
  });

  it('not of who counts as requester', () => {
    for (const more of [{ requester: actor('security') }, { requester: robotOf('security') }, { editors: [actor('security')] }])
      expect(lent(undefined, promotionIn('pending_approval', more))).toEqual([]);
  });

  it('not one that was used: by its person, or by another one who was named', () => {
    const used = (by: string, more: Partial<Decision> = {}) => lent(undefined, promotion, [decisionBy(by, promotion, more)]);
    expect(used('security')).toEqual([]);
    expect(used('cpi', { onBehalfOf: insteadOf('security') })).toEqual([]);
    expect(used('security', { withdrawn: true })).toEqual([['security']]);
    expect(used('security', { planHash: 'another' })).toEqual([['security']]);
    expect(used('cpi')).toEqual([['security']]);
    expect(used('cpi', { onBehalfOf: insteadOf('lead') })).toEqual([['security']]);
    // The own decision in that place is no obstacle to repeating it.
    expect(used('qa', { onBehalfOf: insteadOf('security') })).toEqual([['security']]);
  });

  it('not further: what was lent to somebody is not his or hers to lend', () => {
    const chain = approvers([delegation('security', 'lead'), delegation('lead', 'qa')]);
    expect(lent(chain)).toEqual([['platform-leads']]);
  });

  it('ends with the authority of who lends', () => {
    expect(ownAuthority(approvers(), promotion, keyOf('lead'))).toEqual({ teams: ['platform-leads'], roles: ['approver'] });
    expect(ownAuthority(approvers(), promotion, keyOf('viewer'))).toBeUndefined();
    expect(ownAuthority(approvers(), { ...promotion, tenant: 'tenant-retail' }, keyOf('lead'))).toBeUndefined();
  });
});

describe('which approvals still count', () => {
  const inPlace = (by: string, of: string, minute: number, more: Partial<Decision> = {}) =>
    decisionBy(by, promotion, { at: at(minute), onBehalfOf: insteadOf(of, `dg-${of}-${by}`), ...more });
  const standing = (decisions: Decision[], known = approvers()) =>
    standingDecisions(known, promotion, decisions).map(({ actor: { email }, teams }) => [email.split('@')[0], ...teams]);

  it('one in the place of somebody has the groups of both, also after the delegation has ended in its time', () => {
    const over = delegation('security', 'qa', { until: at(-10) });
    expect(standing([inPlace('qa', 'security', 0)], approvers([over]))).toEqual([['qa', 'qa', 'security']]);
    expect(standing([inPlace('qa', 'security', 0)], approvers([]))).toEqual([['qa', 'qa', 'security']]);
  });

  it.each<[string, Delegation[], (configuration: Configuration) => void]>([
    ['that was taken back', [delegation('security', 'qa', { revokedAt: at(1) })], () => {}],
    ['of somebody who may not approve any more', [], becomes('security', { disabled: true })],
    ['taken by somebody who may not approve any more', [], becomes('qa', { roles: ['viewer'] })],
  ])('not in a place %s', (_name, delegations, change) => {
    expect(standing([inPlace('qa', 'security', 0)], approvers(delegations, change))).toEqual([]);
  });

  it('not in the place of who counts as requester', () => {
    const edited = { ...promotion, editors: [actor('security')] };
    expect(standingDecisions(approvers(), edited, [inPlace('qa', 'security', 0)])).toEqual([]);
  });

  it('the first of two in one place, whatever the order they are read in', () => {
    const [first, second] = [inPlace('qa', 'security', 0), inPlace('cpi', 'security', 1)];
    for (const decisions of [
      [first, second],
      [second, first],
    ])
      expect(standing(decisions)).toEqual([['qa', 'qa', 'security']]);
  });

  it('the second, when the first was taken back or is on another plan', () => {
    const second = inPlace('cpi', 'security', 1);
    const counted = (first: Decision, known = approvers()) => standing([first, second], known).map(([name]) => name);
    expect(counted(inPlace('qa', 'security', 0, { withdrawn: true }))).toContain('cpi');
    expect(counted(inPlace('qa', 'security', 0, { planHash: 'another' }))).toContain('cpi');
    expect(counted(inPlace('qa', 'security', 0), approvers([delegation('security', 'qa', { revokedAt: at(0) })]))).toEqual(['cpi']);
    expect(counted(inPlace('qa', 'lead', 0))).toEqual(['qa', 'cpi']);
  });

  it('the absent person’s own, which takes the place back, also when it comes later', () => {
    const own = decisionBy('security', promotion, { at: at(5) });
    expect(standing([inPlace('qa', 'security', 0), own])).toEqual([['security', 'security']]);
    expect(standing([inPlace('qa', 'security', 0), { ...own, withdrawn: true }]).map(([name]) => name)).toContain('qa');
    const rejection = standingDecisions(approvers(), promotion, [inPlace('qa', 'security', 0), { ...own, decision: 'reject' }]);
    expect(rejection.map(({ decision }) => decision)).toEqual(['reject']);
  });

  it('one of two who stand in for each other: neither place is counted twice', () => {
    const [one, other] = [inPlace('lead', 'security', 0), inPlace('security', 'lead', 1)];
    expect(standing([one, other])).toHaveLength(1);
    expect(standing([other, one])).toEqual(standing([one, other]));
  });

  it('a service’s for as long as the configuration has it, and for no team', () => {
    const service = decisionBy('nobody', promotion, { automated: 'risk', teams: ['security'], roles: ['cpi'] });
    const known = approvers([], ({ automatedApprovers }) => {
      automatedApprovers['risk'] = { name: 'risk', url: 'https://risk.example.com', secret: 'secret:risk' };
    });
    expect(standingDecisions(known, promotion, [service])).toEqual([{ ...service, teams: [], roles: [] }]);
    expect(standingDecisions(approvers(), promotion, [service])).toEqual([]);
    expect(standingDecisions(approvers(), promotion, [{ ...service, automated: 'toString' }])).toEqual([]);
  });

  it('all of them once a rollout has begun: that is history', () => {
    const gone = approversOf({ ...demoConfiguration(), people: [] });
    for (const phase of PHASES) {
      const isOpen = ['requested', 'validating', 'blocked', 'pending_approval', 'approved'].includes(phase);
      expect(standingDecisions(gone, promotionIn(phase), [inPlace('qa', 'security', 0)]), phase).toHaveLength(isOpen ? 0 : 1);
    }
  });
});

describe('who is excluded, and why', () => {
  const bot = robotOf('cpi');
  const by = { gate: 'http', type: 'http' as const, definitionHash: '', by: actor('cpi'), at: '', expiresAt: '', review: 'rv-1' };
  it.each<[string, Parameters<typeof exclusionOf>[0], string | undefined]>([
    ['nobody without a reason', { requester: actor('dev'), editors: [] }, undefined],
    ['the requester', { requester: actor('cpi'), editors: [] }, 'requester'],
    ['the requester’s robot’s owner', { requester: bot, editors: [] }, 'owner'],
    ['an editor', { requester: actor('dev'), editors: [actor('lead'), actor('cpi')] }, 'editor'],
    ['the owner of a robot that edited', { requester: actor('dev'), editors: [bot] }, 'editor'],
    ['who waived a gate', { requester: actor('dev'), editors: [], waivers: [by] }, 'forced'],
    ['not the owner of another robot', { requester: robotOf('lead'), editors: [robotOf('qa')], waivers: [] }, undefined],
  ])('%s', (_name, its, expected) => {
    for (const email of ['cpi@example.com', 'other@example.com']) expect(exclusionOf(its, { key: keyOf('cpi'), email })).toBe(expected);
    // Another account with the same address is the same person.
    expect(exclusionOf(its, { key: keyOf('cpi-new'), email: 'C.P.I+x@Example.COM' })).toBe(expected);
    expect(exclusionOf(its, { key: keyOf('cpi-new'), email: 'cpi.new@example.com' })).toBeUndefined();
    if (expected) expect(EXCLUSION_WORDS[expected as keyof typeof EXCLUSION_WORDS]).toMatch(/cannot decide/);
  });
});

describe('who is asked', () => {
  const names = (known: ReturnType<typeof approvers>, decisions: Decision[] = []) =>
    askedApprovers(known, promotion, plan, decisions).map(({ name, onBehalfOf }) => (onBehalfOf ? `${name} for ${onBehalfOf}` : name));

  it('who stands in, and not who is away', () => {
    expect(names(approvers())).toEqual(['Lee Lead', 'Sam Security']);
    expect(names(approvers([delegation('security', 'qa')]))).toEqual(['Lee Lead', 'Quinn Qa for security@example.com']);
  });

  it('who is away all the same, where nobody else could', () => {
    expect(names(approvers([delegation('security')]))).toEqual(['Lee Lead', 'Sam Security']);
    const [lead] = eligibleFor({ team: 'platform-leads' }, promotion, approvers([delegation('lead')]));
    expect(lead).toEqual({ key: keyOf('lead'), email: 'lead@example.com', name: 'Lee Lead', away: true });
  });

  it('each person once, for the own group before the lent one', () => {
    expect(names(approvers([delegation('security', 'lead')]))).toEqual(['Lee Lead']);
    expect(
      eligibleFor({ team: 'security' }, promotion, approvers([delegation('security', 'lead')])).map(({ onBehalfOf }) => onBehalfOf),
    ).toEqual(['security@example.com', undefined]);
  });

  it('nobody who has decided on this plan', () => {
    const people = eligibleFor({ role: 'approver' }, promotion, approvers([delegation('qa')]));
    const left = (decisions: Decision[], needed?: number) =>
      undecided(people, promotion, decisions, needed).map(({ email }) => email.split('@')[0]);
    expect(left([])).toEqual(['lead', 'security']);
    expect(left([], 2)).toEqual(['lead', 'security']);
    expect(left([], 3)).toEqual(['lead', 'security', 'qa']);
    expect(left([decisionBy('lead', promotion)])).toEqual(['security']);
    expect(left([decisionBy('lead', promotion, { withdrawn: true })])).toEqual(['lead', 'security']);
    expect(left([decisionBy('lead', promotion, { planHash: 'another' })])).toEqual(['lead', 'security']);
  });

  it('no person for what a service decides', () => {
    expect(eligibleFor({ automated: 'risk' }, promotion, approvers())).toEqual([]);
  });
});
