import { describe, expect, it } from 'vitest';
import { knowsTenant, mayReadEntry } from '../../../core/access/audit-reach.ts';
import type { Membership } from '../../../core/access/membership.ts';

const auditor = (tenants: Membership['tenants'], environments?: string[]): Membership => ({
  teams: [],
  tenants,
  grants: [{ role: 'auditor', verbs: new Set(['audit.read']), sees: 'tenant', ...(environments ? { environments } : {}) }],
});

describe('an auditor', () => {
  it('knows the tenants of the role, and the log itself only with every tenant', () => {
    expect(['', 'a', 'b'].map((tenant) => knowsTenant(auditor(['a']), tenant))).toEqual([false, true, false]);
    expect(['', 'a', 'b'].map((tenant) => knowsTenant(auditor('all'), tenant))).toEqual([true, true, true]);
  });

  it('reads what happened where the role holds, and with another verb nothing', () => {
    const read = (membership: Membership, to: string | null) => mayReadEntry(membership, 'audit.read', { tenant: 'a', to });
    expect([read(auditor(['a']), 'prod'), read(auditor(['a']), null), read(auditor(['b']), 'prod')]).toEqual([true, true, false]);
    const prod = auditor(['a'], ['prod']);
    expect([read(prod, 'prod'), read(prod, 'dev'), read(prod, null)]).toEqual([true, false, false]);
    expect(mayReadEntry(prod, 'audit.export', { tenant: 'a', to: 'prod' })).toBe(false);
  });
});
