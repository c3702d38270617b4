/** Who may change a request in which way, besides deciding on it. */
import type { Actor } from '../access/identity.ts';
import { isOwnRequest, type Membership, mayUse } from '../access/membership.ts';
import { Refusal } from '../errors.ts';
import type { Promotion } from './promotion.ts';

export type RequestChange = 'edit' | 'cancel' | 'retry' | 'execute' | 'abort';

/** Refusal FORBIDDEN. Edit needs the verb to request; cancel, retry and abort are for the requester or who may roll back; execute has its own verb. */
export function refuseChange(
  change: RequestChange,
  promotion: Promotion,
  actor: Pick<Actor, 'key' | 'owner'>,
  membership: Membership,
): void {
  const isRequester = isOwnRequest(promotion, actor) && mayUse(membership, 'read', promotion.tenant, promotion.to);
  switch (change) {
    case 'edit':
      if (mayUse(membership, 'request', promotion.tenant, promotion.to)) return;
      throw new Refusal('FORBIDDEN', 'your roles do not include the verb "request"');
    case 'execute':
      if (mayUse(membership, 'execute', promotion.tenant, promotion.to)) return;
      throw new Refusal('FORBIDDEN', 'your roles do not include the verb "execute"');
    case 'cancel':
    case 'retry':
    case 'abort':
      if (isRequester || mayUse(membership, 'rollback', promotion.tenant, promotion.to)) return;
      throw new Refusal('FORBIDDEN', `only its requester, or who holds the verb "rollback", may ${change} a request`);
  }
}
