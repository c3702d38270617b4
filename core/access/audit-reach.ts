/** Whose past an auditor may look at: events of the log, and what ran where at a time. */
import { belongsToTenant, type Membership } from './membership.ts';
import type { Verb } from './verb.ts';

/** Whether the tenant's events exist at all for the caller. Those of the log itself (tenant empty) are for who sees every tenant. */
export function knowsTenant(membership: Membership, tenant: string): boolean {
  return tenant === '' ? membership.tenants === 'all' : belongsToTenant(membership, tenant);
}

/** A role that holds in some environments only shows what happened there. */
export function mayReadEntry(membership: Membership, verb: Verb, { tenant, to }: { tenant: string; to: string | null }): boolean {
  const reaches = ({ verbs, environments }: Membership['grants'][number]) =>
    verbs.has(verb) && (environments === undefined || (to !== null && environments.includes(to)));
  return knowsTenant(membership, tenant) && membership.grants.some(reaches);
}
