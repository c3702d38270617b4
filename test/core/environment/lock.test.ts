import { describe, expect, it } from 'vitest';
import { membershipOfKey } from '../../../core/access/membership.ts';
import { holdOf } from '../../../core/environment/hold.ts';
import {
  type EnvironmentLock,
  EVERY,
  lockedPlace,
  lockedRefusal,
  lockOver,
  lockSubject,
  visibleLocks,
} from '../../../core/environment/lock.ts';
import { Refusal } from '../../../core/errors.ts';
import { actor, demoConfiguration, keyOf, NOW } from '../promotion/fixture.ts';

const configuration = demoConfiguration();
const member = (subject: string) => membershipOfKey(configuration, keyOf(subject));
const lock = (more: Partial<EnvironmentLock> = {}): EnvironmentLock => ({
  environment: 'prod',
  tenant: 'tenant-finance',
  artifact: EVERY,
  reason: 'incident 4711',
  by: actor('cpi'),
  at: NOW.toISOString(),
  ...more,
});
const subject = { tenant: 'tenant-finance', artifact: 'payment-api' };
const tenantOf = (artifact: string) =>
  artifact === 'retail-web' ? 'tenant-retail' : artifact === 'nothing' ? undefined : 'tenant-finance';
const wanted = (who: string, wish: { tenant?: string; artifact?: string } = {}) => {
  try {
    const { tenant, artifact } = lockSubject({ environment: 'prod', ...wish }, member(who), tenantOf);
    return `${tenant} ${artifact}`;
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
};

describe('a lock', () => {
  it('holds what it names, the widest first, and nothing of others', () => {
    const [narrow, wide, all] = [lock({ artifact: 'payment-api' }), lock(), lock({ tenant: EVERY })];
    expect(lockOver([narrow, wide], subject)).toBe(wide);
    expect(lockOver([narrow, wide, all], subject)).toBe(all);
    expect(lockOver([lock({ tenant: EVERY, artifact: 'payment-api' }), narrow], subject)).toMatchObject({ tenant: EVERY });
    expect(lockOver([lock({ artifact: 'other' }), lock({ tenant: 'tenant-retail' })], subject)).toBeUndefined();
  });

  it('is as wide as its caller reaches, or as it is said', () => {
    expect(wanted('cpi')).toBe('tenant-finance *');
    expect(wanted('admin')).toBe('* *');
    expect(wanted('admin', { tenant: 'tenant-retail' })).toBe('tenant-retail *');
    expect(wanted('cpi', { artifact: 'payment-api' })).toBe('tenant-finance payment-api');
    expect(wanted('cpi', { artifact: 'payment-api', tenant: 'tenant-finance' })).toBe('tenant-finance payment-api');
    expect(wanted('cpi', { artifact: 'payment-api', tenant: 'tenant-retail' })).toBe('NOT_FOUND');
    for (const foreign of [{ tenant: 'tenant-retail' }, { tenant: EVERY }, { artifact: 'retail-web' }, { artifact: 'nothing' }])
      expect(wanted('cpi', foreign), JSON.stringify(foreign)).toBe('NOT_FOUND');
    expect(wanted('dev')).toBe('FORBIDDEN');
    expect(wanted('nobody')).toBe('INVALID_REQUEST');
  });

  it('is shown to those whose artifacts it holds', () => {
    const locks = [lock(), lock({ tenant: 'tenant-retail' }), lock({ tenant: EVERY })];
    expect(visibleLocks(locks, member('cpi')).map(({ tenant }) => tenant)).toEqual(['tenant-finance', EVERY]);
    expect(visibleLocks(locks, member('admin'))).toHaveLength(3);
  });

  it('is named by what it holds, and says who can end it', () => {
    expect([lock(), lock({ tenant: EVERY }), lock({ artifact: 'payment-api' })].map(lockedPlace)).toEqual([
      'everything of tenant-finance in prod',
      'prod',
      'payment-api in prod',
    ]);
    expect(lockedRefusal(lock({ artifact: 'payment-api' }), 'wait')).toMatchObject({
      code: 'ENV_LOCKED',
      message: expect.stringContaining('cpi@example.com (incident 4711)'),
      hint: expect.stringContaining('greenlight unlock prod --artifact payment-api'),
    });
    expect(lockedRefusal(lock(), 'wait').hint).toMatch(/unlock prod$/);
  });
});

describe('what keeps a promotion', () => {
  const closed = { open: false, closedBy: ['freeze'], opens: '2026-12-01T00:00:00.000Z' };
  const hold = (more: object) => holdOf({ environment: 'prod', kind: 'promote', lock: undefined, window: undefined, ...more });

  it('is a lock before a window, and a window for promotions only', () => {
    expect(hold({})).toBeUndefined();
    expect(hold({ window: { ...closed, open: true } })).toBeUndefined();
    expect(hold({ window: closed, lock: lock() })).toMatchObject({ waitingOn: 'lock' });
    expect(hold({ window: closed })).toEqual({
      waitingOn: 'window',
      message: 'prod is closed by freeze; it opens 2026-12-01T00:00:00.000Z',
      until: '2026-12-01T00:00:00.000Z',
    });
    expect(hold({ window: { open: false, closedBy: [] } })).toEqual({
      waitingOn: 'window',
      message: 'prod is outside of its windows; no window opens within a year',
    });
    for (const kind of ['rollback', 'repair']) {
      expect(hold({ kind, window: closed })).toBeUndefined();
      expect(hold({ kind, lock: lock() })).toMatchObject({ waitingOn: 'lock' });
    }
  });
});
