/** The public shape of a lock. */
import { type EnvironmentLock, EVERY } from '../../core/environment/lock.ts';

export function renderLock({ environment, tenant, artifact, reason, by, at }: EnvironmentLock, locked: boolean) {
  return {
    environment,
    tenant: tenant === EVERY ? null : tenant,
    artifact: artifact === EVERY ? null : artifact,
    locked,
    reason,
    by: by.email,
    at,
  };
}
