/** A person's word that nothing changes in an environment until somebody says otherwise: for one artifact, for a tenant, or for everybody. */
import type { Actor } from '../access/identity.ts';
import { belongsToTenant, type Membership, mayUse } from '../access/membership.ts';
import { Refusal } from '../errors.ts';

/** Stands for every tenant, or for every artifact of a tenant. */
export const EVERY = '*';

/** What a lock holds. Locks of the same subject are one lock. */
export interface LockSubject {
  environment: string;
  tenant: string;
  artifact: string;
}

export interface EnvironmentLock extends LockSubject {
  reason: string;
  by: Actor;
  at: string;
}

/** The lock that holds this artifact: the widest one, because it is lifted last. */
export function lockOver(locks: readonly EnvironmentLock[], { tenant, artifact }: Pick<LockSubject, 'tenant' | 'artifact'>) {
  const holding = locks.filter((lock) => [tenant, EVERY].includes(lock.tenant) && [artifact, EVERY].includes(lock.artifact));
  return holding.sort((left, right) => width(right) - width(left))[0];
}

function width({ tenant, artifact }: LockSubject): number {
  return (tenant === EVERY ? 2 : 0) + (artifact === EVERY ? 1 : 0);
}

/** Locks that a member may know of. */
export function visibleLocks(locks: readonly EnvironmentLock[], membership: Membership): EnvironmentLock[] {
  return locks.filter(({ tenant }) => tenant === EVERY || belongsToTenant(membership, tenant));
}

/**
 * What a caller means: the artifact that is named, the tenant that is named, or as much as the caller reaches. `tenantOf` answers undefined for
 * artifacts that do not exist. Refusals: NOT_FOUND, FORBIDDEN, INVALID_REQUEST where several tenants could be meant.
 */
export function lockSubject(
  wish: { environment: string; tenant?: string; artifact?: string },
  membership: Membership,
  tenantOf: (artifact: string) => string | undefined,
): LockSubject {
  const { environment, artifact } = wish;
  const tenant = artifact === undefined ? (wish.tenant ?? reachedTenant(membership)) : tenantOf(artifact);
  const isKnown = tenant !== undefined && (tenant === EVERY ? membership.tenants === 'all' : belongsToTenant(membership, tenant));
  if (!isKnown || (artifact !== undefined && wish.tenant !== undefined && wish.tenant !== tenant))
    throw new Refusal('NOT_FOUND', artifact === undefined ? 'there is no such tenant' : 'there is no such artifact');
  if (!mayUse(membership, 'rollback', tenant, environment))
    throw new Refusal('FORBIDDEN', `your roles do not include the verb "rollback" in ${environment}`);
  return { environment, tenant, artifact: artifact ?? EVERY };
}

function reachedTenant({ tenants }: Membership): string {
  if (tenants === 'all') return EVERY;
  const [only, ...more] = tenants;
  if (only === undefined || more.length > 0)
    throw new Refusal('INVALID_REQUEST', 'you belong to several tenants: say whose artifacts are meant', {
      errors: [{ path: '/tenant', message: `must be one of ${tenants.join(', ')}` }],
    });
  return only;
}

/** `prod`, `payment-api in prod`, `everything of tenant-finance in prod`. */
export function lockedPlace({ environment, tenant, artifact }: LockSubject): string {
  if (artifact !== EVERY) return `${artifact} in ${environment}`;
  return tenant === EVERY ? environment : `everything of ${tenant} in ${environment}`;
}

/** Refusal ENV_LOCKED: who holds it, and why. */
export function lockedRefusal(lock: EnvironmentLock, what: string): Refusal {
  return new Refusal('ENV_LOCKED', `${lockedPlace(lock)} is locked since ${lock.at} by ${lock.by.email} (${lock.reason}): ${what}`, {
    hint: `wait, or unlock it if the reason is gone: greenlight unlock ${lock.environment}${lock.artifact === EVERY ? '' : ` --artifact ${lock.artifact}`}`,
  });
}
