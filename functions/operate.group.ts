/**
 * What is done to Greenlight itself rather than to a request: credentials for programs, who builds on what, which environments are locked, by which
 * rules, and whether clusters can be reached.
 */
import { createToken, listTokens, revokeToken } from './access/tokens.http.ts';
import { httpHandler } from './kit/http-handler.ts';
import { lazily } from './kit/lazily.ts';

export const handler = httpHandler('operate', {
  createToken,
  listTokens,
  revokeToken,
  lockEnvironment: lazily(async () => (await import('./environment/locks.http.ts')).lockEnvironment),
  unlockEnvironment: lazily(async () => (await import('./environment/locks.http.ts')).unlockEnvironment),
  previewRetention: lazily(async () => (await import('./retention/plans.http.ts')).previewRetention),
  applyRetention: lazily(async () => (await import('./retention/plans.http.ts')).applyRetention),
  listRetentionPlans: lazily(async () => (await import('./retention/plans.http.ts')).listRetentionPlans),
  showRetentionPlan: lazily(async () => (await import('./retention/plans.http.ts')).showRetentionPlan),
  proposeConfig: lazily(async () => (await import('./environment/config.http.ts')).proposeConfig),
  approveConfig: lazily(async () => (await import('./environment/config.http.ts')).approveConfig),
  listConsumers: lazily(async () => (await import('./rollout/consumers.http.ts')).listConsumers),
  putConsumer: lazily(async () => (await import('./rollout/consumers.http.ts')).putConsumer),
  removeConsumer: lazily(async () => (await import('./rollout/consumers.http.ts')).removeConsumer),
  runConnectionTest: lazily(async () => (await import('./rollout/connection-test.http.ts')).runConnectionTest),
  createSubscription: lazily(async () => (await import('./notification/subscriptions.http.ts')).createSubscription),
  listSubscriptions: lazily(async () => (await import('./notification/subscriptions.http.ts')).listSubscriptions),
  getSubscription: lazily(async () => (await import('./notification/subscriptions.http.ts')).getSubscription),
  removeSubscription: lazily(async () => (await import('./notification/subscriptions.http.ts')).removeSubscription),
  rotateSubscription: lazily(async () => (await import('./notification/subscriptions.http.ts')).rotateSubscription),
  enableSubscription: lazily(async () => (await import('./notification/subscriptions.http.ts')).enableSubscription),
  listDeliveries: lazily(async () => (await import('./notification/subscriptions.http.ts')).listDeliveries),
  redeliver: lazily(async () => (await import('./notification/subscriptions.http.ts')).redeliver),
  createMute: lazily(async () => (await import('./notification/mutes.http.ts')).createMute),
  listMutes: lazily(async () => (await import('./notification/mutes.http.ts')).listMutes),
  removeMute: lazily(async () => (await import('./notification/mutes.http.ts')).removeMute),
});
