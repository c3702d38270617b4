/** Every reading route. */
import { getEnvironment } from './environment/get-environment.http.ts';
import { listEnvironments } from './environment/list-environments.http.ts';
import { httpHandler } from './kit/http-handler.ts';
import { lazily } from './kit/lazily.ts';
import { getRequest } from './promotion/get.http.ts';
import { list, listMine, listPending } from './promotion/list.http.ts';
import { stats } from './promotion/stats.http.ts';
import { requestTimeline } from './promotion/timeline.http.ts';

export const handler = httpHandler('read', {
  listRequests: list,
  listMyRequests: listMine,
  listPendingRequests: listPending,
  requestStats: stats,
  getRequest,
  explainRequest: lazily(async () => (await import('./promotion/explain.http.ts')).explainRequest),
  requestTimeline,
  inbox: lazily(async () => (await import('./approval/inbox.http.ts')).inbox),
  listDelegations: lazily(async () => (await import('./approval/delegations.http.ts')).listDelegations),
  listReviews: lazily(async () => (await import('./gate/reviews.http.ts')).listReviews),
  listEnvironments,
  getEnvironment,
});
