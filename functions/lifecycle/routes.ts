/** Routes of the feature lifecycle: versions of artifacts, how long they live, and which nobody may use. */
import * as z from 'zod';
import { LIFECYCLE_STATUSES } from '../../core/lifecycle/lifecycle.ts';
import { isDay } from '../../core/lifecycle/support-window.ts';
import { artifactVersion, prose } from '../../core/promotion/request-body.ts';
import { none, type Route } from '../kit/route.ts';

const day = z
  .string()
  .max(40)
  .refine(isDay, { message: 'must be a day, e.g. 2027-01-15', params: { code: 'INVALID_DATE' } });

export const lifecycleBody = z.strictObject({
  status: z.enum(LIFECYCLE_STATUSES),
  deprecationDate: day.optional(),
  eolDate: day.optional(),
  replacement: artifactVersion.optional(),
  supportWindow: z.string().max(64).optional(),
  reason: prose(10, 4_000).optional(),
});

/** `quarantined: false` lets the version go. */
export const quarantineBody = z.strictObject({ reason: prose(10, 4_000), quarantined: z.boolean().default(true) });

const VERSION = '/v1/artifacts/{name}/versions/{version}';

export const LIFECYCLE_ROUTES = [
  {
    method: 'GET',
    path: VERSION,
    operation: 'showVersion',
    group: 'request',
    auth: 'bearer',
    verb: 'read',
    names: 'artifact',
    summary: 'Shows a version: where it is in its life, who uses it, and what lies ahead',
    query: none,
    answers: { 200: 'Version' },
    tag: 'artifacts',
  },
  {
    method: 'POST',
    path: `${VERSION}/lifecycle`,
    operation: 'setLifecycle',
    group: 'request',
    auth: 'bearer',
    verb: 'lifecycle.edit',
    names: 'artifact',
    summary: 'Says that a version is active, deprecated or past its end of life, from when on, and what replaces it',
    body: lifecycleBody,
    query: none,
    answers: { 200: 'Version' },
    tag: 'artifacts',
  },
  {
    method: 'POST',
    path: `${VERSION}/quarantine`,
    operation: 'setQuarantine',
    group: 'request',
    auth: 'bearer',
    verb: 'lifecycle.edit',
    names: 'artifact',
    summary: 'Refuses a version everywhere, or lets it go again',
    body: quarantineBody,
    query: none,
    answers: { 200: 'Version' },
    tag: 'artifacts',
  },
] as const satisfies readonly Route[];
