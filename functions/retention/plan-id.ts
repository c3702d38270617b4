/** Ids of plans. */
import { randomBytes } from 'node:crypto';

export function newPlanId(): string {
  return `gc-${randomBytes(8).toString('hex')}`;
}
