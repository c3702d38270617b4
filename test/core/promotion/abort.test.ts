import { describe, expect, it } from 'vitest';
import { abort } from '../../../core/promotion/abort.ts';
import { PHASES, type Phase } from '../../../core/promotion/phase.ts';
import { acting, actor, NOW, promotionIn } from './fixture.ts';

const at = NOW.toISOString();

describe('an abort', () => {
  it('is the way back at once, in the name of who said so', () => {
    const rollout = [
      { step: 'canary:10', status: 'done' as const, startedAt: at, endedAt: at },
      { step: 'canary:50', status: 'baking' as const, startedAt: at, endedAt: at },
    ];
    const change = abort(promotionIn('promoting', { step: 'bake', rollout, fence: 3 }), acting('cpi'), at);
    expect(change.after).toMatchObject({
      phase: 'rolling_back',
      fence: 3,
      failure: { code: 'ABORTED', step: 'canary:50' },
      rollout: [{ status: 'done' }, { status: 'aborted' }],
    });
    expect(change.event).toMatchObject({ type: 'rollback.started', actor: actor('cpi'), channel: 'rest', history: { action: 'aborted' } });
    expect(change.wake).toEqual({ kind: 'resume', requestId: 'PR-2026-0007', attempt: 1, wait: 'bake' });
    expect(change.environment).toBeUndefined();
  });

  it('of a copy has no step of the rollout to end', () => {
    const { after } = abort(promotionIn('promoting', { step: 'copying' }), acting('dev'), at);
    expect(after).toMatchObject({ phase: 'rolling_back', failure: { step: 'copying' } });
    expect(after).not.toHaveProperty('rollout');
  });

  it.each(PHASES.filter((phase) => phase !== 'promoting'))('is refused where nothing is in progress: %s', (phase) => {
    const hints: Partial<Record<Phase, string>> = {
      rolling_back: 'nothing more',
      approved: 'cancel it',
      requested: 'cancel it',
      succeeded: 'roll the environment back',
    };
    const refusal = expect.objectContaining({ code: 'STATE_CONFLICT', hint: expect.stringContaining(hints[phase] ?? '') });
    expect(() => abort(promotionIn(phase), acting('dev'), at)).toThrow(refusal);
  });
});
