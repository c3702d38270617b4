/** Routes of the feature status: figures over what has happened, and the console. Its pages are one file; which view it shows stands in the path. */
import * as z from 'zod';
import { artifactName } from '../../core/promotion/request-body.ts';
import type { Route } from '../kit/route.ts';

export const metricsQuery = z.strictObject({
  /** From 1 to 366. */
  days: z
    .string()
    .regex(/^([1-9]\d?|[12]\d\d|3[0-5]\d|36[0-6])$/)
    .transform(Number)
    .optional(),
  artifact: artifactName.optional(),
});

export const STATUS_ROUTES = [
  {
    method: 'GET',
    path: '/v1/environments/{env}/metrics',
    operation: 'environmentMetrics',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    summary: 'The figures of DORA, and what was waited for',
    query: metricsQuery,
    answers: { 200: 'Metrics' },
    tag: 'environments',
  },
  {
    method: 'GET',
    path: '/',
    operation: 'root',
    group: 'public',
    auth: 'public',
    page: true,
    summary: 'Leads to the console',
    answers: { 303: 'Redirect' },
    tag: 'console',
  },
  {
    method: 'GET',
    path: '/console',
    operation: 'console',
    group: 'public',
    auth: 'public',
    page: true,
    summary: 'The console',
    answers: { 200: 'Page' },
    tag: 'console',
  },
  {
    method: 'GET',
    path: '/console/{page+}',
    operation: 'consolePage',
    group: 'public',
    auth: 'public',
    page: true,
    summary: 'A view of the console',
    answers: { 200: 'Page' },
    tag: 'console',
  },
  {
    method: 'GET',
    path: '/console/assets/{file}',
    operation: 'consoleAsset',
    group: 'public',
    auth: 'public',
    page: true,
    summary: 'A script, style or picture of the console, for ever under its name',
    answers: { 200: 'Page' },
    tag: 'console',
  },
] as const satisfies readonly Route[];
