/** Routes of the feature retention: what may be deleted, and deleting it. */
import * as z from 'zod';
import { artifactName } from '../../core/promotion/request-body.ts';
import { none, pageQuery, type Route } from '../kit/route.ts';

export const retentionPreviewBody = z.strictObject({ artifact: artifactName.optional() });
export const applyBody = z.strictObject({ planId: z.string().min(1).max(64) });

export const RETENTION_ROUTES = [
  {
    method: 'POST',
    path: '/v1/retention/preview',
    operation: 'previewRetention',
    group: 'operate',
    auth: 'bearer',
    verb: ['request', 'gc.apply'],
    names: 'artifact',
    summary: 'Plans what retention would delete, says why everything else stays, and deletes nothing',
    body: retentionPreviewBody,
    bodyOptional: true,
    query: none,
    answers: { 200: 'RetentionPlan', 202: 'RetentionGoesOn' },
    tag: 'retention',
  },
  {
    method: 'POST',
    path: '/v1/retention/apply',
    operation: 'applyRetention',
    group: 'operate',
    auth: 'bearer',
    verb: 'gc.apply',
    names: 'plan',
    summary: 'Deletes what a plan names, after its grace time and only if it still fits',
    body: applyBody,
    query: none,
    answers: { 200: 'RetentionPlan', 202: 'RetentionGoesOn' },
    tag: 'retention',
  },
  {
    method: 'GET',
    path: '/v1/retention/plans',
    operation: 'listRetentionPlans',
    group: 'operate',
    auth: 'bearer',
    verb: ['request', 'gc.apply'],
    summary: 'Lists plans and what became of them, newest first',
    query: pageQuery,
    answers: { 200: 'RetentionPlanList' },
    tag: 'retention',
  },
  {
    method: 'GET',
    path: '/v1/retention/plans/{planId}',
    operation: 'showRetentionPlan',
    group: 'operate',
    auth: 'bearer',
    verb: ['request', 'gc.apply'],
    names: 'plan',
    summary: 'Shows a plan and what became of it',
    query: none,
    answers: { 200: 'RetentionPlan' },
    tag: 'retention',
  },
] as const satisfies readonly Route[];
