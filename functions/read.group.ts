/** Every reading route. What clients ask for again and again waits for the code of none of the others. */
import { httpHandler } from './kit/http-handler.ts';
import { lazily } from './kit/lazily.ts';
import { getRequest } from './promotion/get.http.ts';

export const handler = httpHandler('read', {
  listRequests: lazily(async () => (await import('./promotion/list.http.ts')).list),
  listMyRequests: lazily(async () => (await import('./promotion/list.http.ts')).listMine),
  listPendingRequests: lazily(async () => (await import('./promotion/list.http.ts')).listPending),
  requestStats: lazily(async () => (await import('./promotion/stats.http.ts')).stats),
  getRequest,
  explainRequest: lazily(async () => (await import('./promotion/explain.http.ts')).explainRequest),
  requestTimeline: lazily(async () => (await import('./promotion/timeline.http.ts')).requestTimeline),
  me: lazily(async () => (await import('./access/me.http.ts')).me),
  inbox: lazily(async () => (await import('./approval/inbox.http.ts')).inbox),
  listDelegations: lazily(async () => (await import('./approval/delegations.http.ts')).listDelegations),
  listReviews: lazily(async () => (await import('./gate/reviews.http.ts')).listReviews),
  listArtifacts: lazily(async () => (await import('./registry/list-artifacts.http.ts')).listArtifacts),
  environmentMetrics: lazily(async () => (await import('./status/metrics.http.ts')).metrics),
  getConfig: lazily(async () => (await import('./environment/get-config.http.ts')).getConfig),
  listEnvironments: lazily(async () => (await import('./environment/list-environments.http.ts')).listEnvironments),
  getEnvironment: lazily(async () => (await import('./environment/get-environment.http.ts')).getEnvironment),
});
