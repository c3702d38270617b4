/** The one writer of decisions: over REST, by mailed link and by a click in Slack. */
import { slackMembers } from '../adapters/notification/slack-members.ts';
import { approveRequest } from './approval/approve.http.ts';
import { decideByLink } from './approval/decide-by-link.http.ts';
import { decideByService } from './approval/decide-by-service.http.ts';
import { decideBySlack } from './approval/decide-by-slack.http.ts';
import { createDelegation, endDelegation } from './approval/delegations.http.ts';
import { rejectRequest } from './approval/reject.http.ts';
import { revokeLink, showTakeBack } from './approval/revoke-link.http.ts';
import { showLink } from './approval/show-link.http.ts';
import { withdrawDecision } from './approval/withdraw.http.ts';
import { httpHandler } from './kit/http-handler.ts';

export const handler = httpHandler('decide', {
  approveRequest,
  rejectRequest,
  withdrawDecision,
  showLink,
  decideByLink,
  showTakeBack,
  revokeLink,
  decideByService,
  createDelegation,
  endDelegation,
  decideBySlack: decideBySlack(slackMembers()),
});
