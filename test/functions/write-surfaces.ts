/** Every write that takes JSON from somebody who is signed in, with a body that its schema accepts: one table for the cases that hold for all of them. */
import { randomBytes } from 'node:crypto';
import { identityKey } from '../../core/access/identity.ts';
import { createRequest, openApproval, requestBody } from './requests.ts';
import type { World } from './world.ts';

export interface WriteSurface {
  name: string;
  method: 'POST' | 'PATCH';
  path: string;
  /** Who may do it. */
  as: string;
  body: Record<string, unknown>;
}

export const REASON = 'The gate itself is out of order today';
export const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();

/** An open review of a waiver on somebody's request: by default nobody of the demo has a part in it. */
export async function openReview(world: World, tenant = 'tenant-finance', requester = 'somebody'): Promise<string> {
  const id = `rv-${randomBytes(8).toString('hex')}`;
  const party = (subject: string) => ({ key: identityKey({ issuer: world.issuer, subject }), email: `${subject}@example.com` });
  const review = {
    ...{ id, tenant, requestId: 'PR-2026-0001', environment: 'staging', artifact: 'payment-api', gate: 'policy' },
    ...{ by: party('nobody'), requester: party(requester), owners: [], openedAt: '2026-01-01T00:00:00Z', dueAt: '2099-01-01T00:00:00Z' },
  };
  await world.state.table.put({ PK: 'REVIEW#0', SK: id, tenant, body: review });
  return id;
}

export async function writeSurfaces(world: World): Promise<WriteSurface[]> {
  const open = `/v1/requests/staging/${await openApproval(world)}`;
  const early = `/v1/requests/staging/${await createRequest(world)}`;
  const surface = (name: string, as: string, path: string, body: object, method: WriteSurface['method'] = 'POST') => ({
    ...{ name, method, path, as, body: body as Record<string, unknown> },
  });
  return [
    surface('preview', 'dev', '/v1/requests/staging/preview', requestBody()),
    surface('create', 'dev', '/v1/requests/staging', requestBody()),
    surface('edit', 'dev', early, { target: { version: '1.1.0' }, request: { impactAssessment: 'high' }, preChecks: {} }, 'PATCH'),
    surface('approve', 'cpi', `${open}/approve`, {}),
    surface('reject', 'cpi', `${open}/reject`, { reason: 'not this time, sorry' }),
    surface('withdraw', 'cpi', `${open}/withdraw`, {}),
    surface('cancel', 'dev', `${open}/cancel`, {}),
    surface('retry', 'dev', `${open}/retry`, {}),
    surface('execute', 'cpi', `${open}/execute`, {}),
    surface('break-glass', 'admin', `${open}/break-glass`, { gate: 'policy', reason: REASON }),
    surface('delegation', 'cpi', '/v1/delegations', { until: tomorrow() }),
    surface('review', 'cpi', `/v1/reviews/${await openReview(world)}`, { outcome: 'justified', finding: REASON }),
    surface('token', 'dev', '/v1/tokens', { name: 'nightly' }),
  ];
}

/** What every effect leaves behind: events that wait for the log, by number. */
export async function effects(world: World): Promise<number> {
  const rows = await Promise.all(['OUTBOX#0', 'WAKE#0', 'NOTICE#0'].map((pk) => world.state.table.all({ pk })));
  return rows.flat().length;
}

/** The text of a body with something put first into each of its objects, one text for each. */
export function inEachObject(body: unknown, members: string): string[] {
  const text = JSON.stringify(body);
  const places = [...text.matchAll(/\{/g)].map(({ index }) => index + 1);
  return places.map((at) => `${text.slice(0, at)}${members}${text[at] === '}' ? '' : ','}${text.slice(at)}`);
}

/** The text of a body with each of its keys given a second time, one text for each. */
export function withEachKeyTwice(body: unknown): string[] {
  const text = JSON.stringify(body);
  return [...text.matchAll(/[{,]"(\w+)":/g)].map(({ 1: key, index }) => {
    const escaped = `\\u${key!.charCodeAt(0).toString(16).padStart(4, '0')}${key!.slice(1)}`;
    return `${text.slice(0, index + 1)}"${escaped}":null,${text.slice(index + 1)}`;
  });
}
