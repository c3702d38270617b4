/** The public shape of a version of the configuration. */
import type { ConfigurationVersion } from '../../core/environment/configuration-version.ts';
import { withoutReferences } from '../../core/environment/without-references.ts';
import type { Json } from '../../core/promotion/canonical-json.ts';

/** `mayEdit`: what it says of people and tenants is for those who may change it. */
export function renderVersion(version: ConfigurationVersion, current: string, mayEdit: boolean) {
  const { hash, base, proposedBy, proposedAt, reason, needsReview: isGrave, difference, warnings, approvedBy, inForceSince } = version;
  return {
    version: hash,
    base,
    state: hash === current ? 'in_force' : inForceSince === undefined ? (base === current ? 'proposed' : 'stale') : 'replaced',
    needsReview: isGrave,
    proposedBy: proposedBy.email,
    proposedAt,
    ...(approvedBy ? { approvedBy: approvedBy.email } : {}),
    ...(inForceSince === undefined ? {} : { inForceSince }),
    ...(mayEdit ? { reason, difference: withoutReferences(difference as unknown as Json), warnings } : {}),
  };
}
