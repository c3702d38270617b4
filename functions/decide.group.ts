/** The one writer of decisions: over REST, by mailed link, by a click in Slack and by services. An approval over REST waits for the code of none of the others. */
import { approveRequest } from './approval/approve.http.ts';
import { rejectRequest } from './approval/reject.http.ts';
import { httpHandler } from './kit/http-handler.ts';
import { lazily } from './kit/lazily.ts';

export const handler = httpHandler('decide', {
  approveRequest,
  rejectRequest,
  withdrawDecision: lazily(async () => (await import('./approval/withdraw.http.ts')).withdrawDecision),
  createDelegation: lazily(async () => (await import('./approval/delegations.http.ts')).createDelegation),
  endDelegation: lazily(async () => (await import('./approval/delegations.http.ts')).endDelegation),
  showLink: lazily(async () => (await import('./approval/show-link.http.ts')).showLink),
  decideByLink: lazily(async () => (await import('./approval/decide-by-link.http.ts')).decideByLink),
  showTakeBack: lazily(async () => (await import('./approval/revoke-link.http.ts')).showTakeBack),
  revokeLink: lazily(async () => (await import('./approval/revoke-link.http.ts')).revokeLink),
  decideByService: lazily(async () => (await import('./approval/decide-by-service.http.ts')).decideByService),
  decideBySlack: lazily(async () => {
    const [{ decideBySlack }, { slackMembers }] = await Promise.all([
      import('./approval/decide-by-slack.http.ts'),
      import('../adapters/notification/slack-members.ts'),
    ]);
    return decideBySlack(slackMembers());
  }),
});
