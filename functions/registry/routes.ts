/** Routes of the feature registry: copies. */
import * as z from 'zod';
import { artifactName, artifactVersion } from '../../core/promotion/request-body.ts';
import type { Route } from '../kit/route.ts';

export const copyQuery = z.strictObject({ artifact: artifactName, version: artifactVersion });

export const REGISTRY_ROUTES: readonly Route[] = [
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
];
