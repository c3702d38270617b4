/** Promotion requests as this program reads them. A server may send more: unknown fields are ignored, missing ones are bridged. */
import { withoutEnvironment } from '../core/registry/version.ts';
import type { ApiClient } from './client.ts';
import { CommandFailure, EXIT } from './failure.ts';

export interface GateView {
  name: string;
  type?: string;
  status: string;
  message?: string;
  resolution?: string;
  startedAt?: string;
  finishedAt?: string;
}

export interface StageView {
  name: string;
  status?: string;
  rules: { team: string; min: number; given?: string[]; eligible?: string[] }[];
}

export interface CopyView {
  outcome: string;
  manifests?: number;
  registries: { name: string; role: string; status: string; bytes: number; failure?: { code: string; message: string } }[];
}

export interface RequestView {
  metadata: { id: string; createdAt: string; createdBy: string; version: number };
  /** `kind` is absent where a version is promoted. */
  spec: { kind?: string; target: { name: string; version: string; sourceEnvironment: string; targetEnvironment: string } };
  status: {
    state: string;
    phase: string;
    waitingOn?: string;
    step?: string;
    planHash?: string;
    digest?: string;
    expiresAt?: string;
    failure?: { code: string; message: string; step?: string };
    gates?: GateView[];
    approvals?: { required: boolean; stages: StageView[] };
    copy?: CopyView;
    rollout?: { steps: { step: string; status: string; achievedWeight?: number; message?: string }[] };
    history?: { action: string; at: string; by: string; comment?: string; error?: string }[];
    approvedBy?: string;
    approvedAt?: string;
    deployedAt?: string;
    rejectedBy?: string;
    rejectedAt?: string;
    rejectionReason?: string;
  };
}

/** A line of a list: no gates, approvals or history. */
export type RequestLine = RequestView;

export interface EnvironmentList {
  items: { environment: string; tier?: string; artifacts: PlaceView[] }[];
}

export interface PlaceView {
  artifact: string;
  current: { version: string; digest: string; requestId: string; at: string } | null;
  previous?: { version: string; at: string } | null;
  health: string;
  rolledBack?: { version: string; requestId: string; at: string };
  lock?: { reason: string; by: string; at: string };
  flags?: { out_of_date?: boolean; locked?: boolean; frozen?: boolean; drifted?: boolean };
  watch?: {
    checkedAt: string;
    drift: { status: string; running?: string[]; since?: string; why?: string };
    rollback: {
      ready: boolean;
      lastSeconds?: number;
      waysBack: { purpose: string; version: string; ready: boolean; problems: string[] }[];
    };
  };
  pending?: { id: string; version: string; phase: string; createdAt: string }[];
  history?: { version: string; digest: string; requestId: string; at: string; outcome: string }[];
}

const FINAL = new Set(['succeeded', 'rolled_back', 'failed', 'rejected', 'expired', 'cancelled', 'superseded']);
const REQUEST_ID = /^[A-Z]{2}-\d{4}-\d{4,}$/;
/** Pages of a list that are read at most. */
const MOST_PAGES = 20;

export const isFinal = ({ status }: RequestView): boolean => FINAL.has(status.phase);
export const isRequestId = (text: string): boolean => REQUEST_ID.test(text);

export function requestPath(request: RequestView, ...more: string[]): string {
  return pathOf(request.spec.target.targetEnvironment, request.metadata.id, ...more);
}

function pathOf(...parts: string[]): string {
  return `/v1/requests/${parts.map(encodeURIComponent).join('/')}`;
}

/** The same request as it is now. */
export function readAgain(client: ApiClient, request: RequestView): Promise<RequestView> {
  return client.get<RequestView>(requestPath(request));
}

/** Finds a request by its id, whatever its environment. Exit 1 when there is none that the caller may see. */
export async function readById(client: ApiClient, id: string): Promise<RequestView> {
  for (const environment of await environmentNames(client)) {
    try {
      return await client.get<RequestView>(pathOf(environment, id));
    } catch (error) {
      if (!(error instanceof CommandFailure) || error.details.status !== 404) throw error;
    }
  }
  throw new CommandFailure(EXIT.no, `there is no request ${id}`, { code: 'NOT_FOUND', hint: 'greenlight status shows what is pending' });
}

async function environmentNames(client: ApiClient): Promise<string[]> {
  const { items } = await client.get<EnvironmentList>('/v1/environments');
  return items.map(({ environment }) => environment);
}

/** Requests of an artifact and version that are not over, newest first. Spellings with and without `v` or an environment suffix are the same version. */
export async function openRequests(client: ApiClient, artifact: string, version: string, environment?: string): Promise<RequestLine[]> {
  const names = await environmentNames(client);
  const wanted = plainVersion(version, names);
  const found: RequestLine[] = [];
  for (const name of environment === undefined ? names : [environment]) {
    let cursor: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const query = { artifact, limit: '100', cursor };
      const list = await client.get<{ items: RequestLine[]; nextCursor?: string }>(pathOf(name), query);
      found.push(...list.items.filter((request) => !isFinal(request) && plainVersion(request.spec.target.version, names) === wanted));
      cursor = list.nextCursor;
      if (cursor === undefined) break;
    }
  }
  return found;
}

/** Spellings with and without `v` or an environment suffix are the same version. */
export function isSameVersion(left: string, right: string, environments: readonly string[]): boolean {
  return plainVersion(left, environments) === plainVersion(right, environments);
}

function plainVersion(version: string, environments: readonly string[]): string {
  return withoutEnvironment(version, environments).replace(/^v(?=\d)/, '');
}
