/** Previews, creates and changes requests. */
import { gateRunner } from '../adapters/gate/gate-runner.ts';
import { imageList } from '../adapters/registry/image-list.ts';
import { registryReader } from '../adapters/registry/registry-reader.ts';
import { breakGlass } from './gate/break-glass.http.ts';
import { closeReview } from './gate/reviews.http.ts';
import { httpHandler } from './kit/http-handler.ts';
import { lazily } from './kit/lazily.ts';
import { configuration } from './kit/state.ts';
import { abortRequest, cancelRequest, executeRequest, retryRequest } from './promotion/change.http.ts';
import { create } from './promotion/create.http.ts';
import { editRequest } from './promotion/edit.http.ts';
import { preview } from './promotion/preview.http.ts';

const registries = registryReader();
const images = imageList();
const versions = { reader: registries, list: images };
const gates = gateRunner(configuration);

export const handler = httpHandler('request', {
  preview: preview(registries, gates),
  createRequest: create(registries),
  editRequest: editRequest(registries),
  cancelRequest,
  abortRequest,
  retryRequest,
  executeRequest,
  breakGlass,
  closeReview,
  verifyCopy: lazily(async () => (await import('./registry/verify-copy.http.ts')).verifyCopy(registries)),
  environmentTags: lazily(async () => (await import('./registry/environment-tags.http.ts')).environmentTags(registries, images)),
  listUpdates: lazily(async () => (await import('./registry/updates.http.ts')).listUpdates(registries, images)),
  showVersion: lazily(async () => (await import('./lifecycle/versions.http.ts')).showVersion(versions)),
  setLifecycle: lazily(async () => (await import('./lifecycle/versions.http.ts')).setLifecycle(versions)),
  setQuarantine: lazily(async () => (await import('./lifecycle/versions.http.ts')).setQuarantine(versions)),
  listPolicies: lazily(async () => (await import('./policy/policies.http.ts')).listPolicies(images)),
  replayPolicy: lazily(async () => (await import('./policy/policies.http.ts')).replayPolicy(images)),
  previewRollback: lazily(async () => (await import('./rollout/rollback.http.ts')).previewRollback(registries, gates)),
  createRollback: lazily(async () => (await import('./rollout/rollback.http.ts')).createRollback(registries)),
});
