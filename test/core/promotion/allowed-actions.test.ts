import { describe, expect, it } from 'vitest';
import { membershipOfKey } from '../../../core/access/membership.ts';
import type { Decision } from '../../../core/approval/decision.ts';
import type { GateResult } from '../../../core/gate/gate.ts';
import { ACTIONS, actionsOf, type RequestAction } from '../../../core/promotion/allowed-actions.ts';
import { PHASES, type Phase } from '../../../core/promotion/phase.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { actor, approversOf, decisionBy, demoConfiguration, keyOf, NOW, prodPlan, promotionIn } from './fixture.ts';

function actions(who: string, promotion: Promotion, decisions: Decision[] = [], gates: GateResult[] = []) {
  const configuration = demoConfiguration();
  configuration.people.find(({ subject }) => subject === 'qa')!.roles.push('cpi-admin');
  return actionsOf({
    promotion,
    plan: prodPlan().plan,
    decisions,
    actor: actor(who),
    membership: membershipOfKey(configuration, keyOf(who)),
    approvers: approversOf(configuration),
    gates,
    now: NOW.toISOString(),
  });
}
const failed: GateResult = { name: 'http', type: 'http', status: 'failed', message: '', resolution: '', definitionHash: '' };

describe('what a person may do with a request', () => {
  it.each<[Phase, Record<string, RequestAction[]>]>([
    ['requested', { dev: ['cancel'], lead: [], viewer: [], qa: ['cancel'] }],
    ['validating', { dev: ['cancel'], lead: [], viewer: [], qa: ['cancel'] }],
    ['blocked', { dev: ['edit', 'cancel', 'retry'], lead: [], viewer: [], qa: ['edit', 'cancel', 'retry', 'break-glass', 'skip-canary'] }],
    ['pending_approval', { dev: ['edit', 'cancel'], lead: ['approve', 'reject'], viewer: [], qa: ['edit', 'cancel', 'skip-canary'] }],
    ['approved', { dev: ['edit', 'cancel', 'execute'], lead: [], viewer: [], qa: ['edit', 'cancel', 'execute', 'skip-canary'] }],
    ['promoting', { dev: ['abort'], lead: [], viewer: [], qa: ['abort'] }],
    ['rolling_back', { dev: [], lead: [], viewer: [], qa: [] }],
    ['succeeded', { dev: [], lead: [], viewer: [], qa: [] }],
    ['expired', { dev: [], lead: [], viewer: [], qa: [] }],
  ])('that is %s', (phase, expected) => {
    for (const [who, allowed] of Object.entries(expected))
      expect(actions(who, promotionIn(phase), [], [failed]).allowed, who).toEqual(allowed);
  });

  it('is said with a reason for everything else, whatever the phase', () => {
    for (const phase of PHASES) {
      const { allowed, refused } = actions('lead', promotionIn(phase));
      expect([...allowed, ...refused.map(({ action }) => action)].sort()).toEqual([...ACTIONS].sort());
      for (const { code, reason } of refused) expect([code, reason].every((text) => text.length > 3)).toBe(true);
    }
  });

  it('includes to take a decision back, and not to repeat it', () => {
    const promotion = promotionIn('pending_approval');
    const { allowed, refused } = actions('lead', promotion, [decisionBy('lead', promotion)]);
    expect(allowed).toEqual(['withdraw']);
    expect(refused.filter(({ action }) => action === 'approve' || action === 'reject').map(({ code }) => code)).toEqual([
      'ALREADY_DECIDED',
      'ALREADY_DECIDED',
    ]);
  });

  it('does not include a waiver where no gate could be waived', () => {
    expect(actions('qa', promotionIn('blocked'), [], [{ ...failed, type: 'signature' }]).allowed).not.toContain('break-glass');
  });

  it('hides no fault behind a refusal', () => {
    const broken = { ...promotionIn('pending_approval'), editors: undefined } as unknown as Promotion;
    expect(() => actions('lead', broken)).toThrow(TypeError);
  });
});
