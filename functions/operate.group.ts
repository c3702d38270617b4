/** What is done to Greenlight itself rather than to a request: credentials for programs, and who builds on what. */
import { createToken, listTokens, revokeToken } from './access/tokens.http.ts';
import { httpHandler } from './kit/http-handler.ts';
import { lazily } from './kit/lazily.ts';

export const handler = httpHandler('operate', {
  createToken,
  listTokens,
  revokeToken,
  listConsumers: lazily(async () => (await import('./rollout/consumers.http.ts')).listConsumers),
  putConsumer: lazily(async () => (await import('./rollout/consumers.http.ts')).putConsumer),
  removeConsumer: lazily(async () => (await import('./rollout/consumers.http.ts')).removeConsumer),
});
