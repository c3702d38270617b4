/** Routes of the feature registry: copies, tags, and what there is of an artifact. */
import * as z from 'zod';
import { artifactName, artifactVersion } from '../../core/promotion/request-body.ts';
import { pageQuery, type Route } from '../kit/route.ts';

export const copyQuery = z.strictObject({ artifact: artifactName, version: artifactVersion });

/** Read by `readConstraint`, which says what is wrong with it; longer than that reads is said there too. */
export const updatesQuery = z.strictObject({
  constraint: z.string().max(100_000),
  current: z.string().min(1).max(128).optional(),
  environment: z.string().max(64).optional(),
});

export const REGISTRY_ROUTES = [
  {
    method: 'GET',
    path: '/v1/environments/{env}/copies',
    operation: 'verifyCopy',
    group: 'request',
    auth: 'bearer',
    verb: 'read',
    names: 'artifact',
    summary: 'Compares what each registry of an environment has of a version with its source, part by part',
    query: copyQuery,
    answers: { 200: 'CopyReport' },
    tag: 'environments',
  },
  {
    method: 'GET',
    path: '/v1/environments/{env}/tags',
    operation: 'environmentTags',
    group: 'request',
    auth: 'bearer',
    verb: 'read',
    names: 'artifact',
    summary:
      'Says whether the tags of a version in an environment’s registries name what they should, and whether those registries keep them there',
    query: copyQuery,
    answers: { 200: 'TagReport' },
    tag: 'environments',
  },
  {
    method: 'GET',
    path: '/v1/artifacts',
    operation: 'listArtifacts',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    summary: 'Lists the artifacts of the configuration with what each environment runs of them',
    query: pageQuery,
    answers: { 200: 'ArtifactList' },
    tag: 'artifacts',
  },
  {
    method: 'GET',
    path: '/v1/artifacts/{name}/updates',
    operation: 'listUpdates',
    group: 'request',
    auth: 'bearer',
    verb: 'read',
    names: 'artifact',
    summary: 'Lists the versions that a constraint takes (v1.2.3, v1.2.*, >=v1.0.0,<v2.0.0, latest) and that are newer than `current`',
    query: updatesQuery,
    answers: { 200: 'UpdateList' },
    tag: 'artifacts',
  },
] as const satisfies readonly Route[];
