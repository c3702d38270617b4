/** One person's yes or no on one plan hash. */
import type { Actor, AuthMethod, Channel, Party } from '../access/identity.ts';

export interface Decision {
  requestId: string;
  planHash: string;
  actor: Actor;
  /** Groups the person was a member of when deciding: the rule that it counts for is chosen among them. */
  teams: string[];
  roles: string[];
  /** Name of the automated approver that decided, in place of a person. */
  automated?: string;
  /** Who was away and had named this person, when the decision counts by that only. */
  onBehalfOf?: Party & { delegation: string };
  decision: 'approve' | 'reject';
  at: string;
  channel: Channel;
  auth: AuthMethod;
  comment?: string;
  /** Hash of the gate results that the person saw. */
  gatesHash: string;
  withdrawn?: boolean;
}
