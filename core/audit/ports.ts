/** What the audit rules need of the world. */
import type { Promotion } from '../promotion/promotion.ts';

export interface Evidence {
  /** Answers once everything recorded of the request so far is sealed under a signed checkpoint. Fault AUDIT_UNAVAILABLE when it is not in time. */
  seal(promotion: Pick<Promotion, 'id' | 'lastOutboxKey'>): Promise<void>;
}
