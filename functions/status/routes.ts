/** Routes of the feature status: the console. Its pages are one file; which view it shows stands in the path. */
import type { Route } from '../kit/route.ts';

export const STATUS_ROUTES = [
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
