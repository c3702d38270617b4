/**
 * Asks two API servers the same and says in which members their answers differ. Left out are values that no two servers share, the words of failures (the
 * contract compares those that matter), what controllers write when they get to it, and the owners of fields, of which ours keeps no parents.
 */
import type { Fields } from '../../../local/kubernetes/kube-object.ts';
import type { Caller, CallOptions } from '../../local/kubernetes/test-cluster.ts';

export interface Exchange {
  method: string;
  path: string;
  body?: unknown;
  options?: CallOptions;
}

/** Made anew by every server. */
const OWN: Record<string, string> = {
  lastTransitionTime: 'TIME',
  uid: 'UID',
  resourceVersion: 'VERSION',
  creationTimestamp: 'TIME',
  deletionTimestamp: 'TIME',
  time: 'TIME',
  clusterIP: 'ADDRESS',
  nodePort: 'PORT',
  continue: 'TOKEN',
};

export async function differencesOf(ours: Caller, theirs: Caller, { method, path, body, options = {} }: Exchange): Promise<string[]> {
  const [mine, real] = [await ours.call(method, path, body, options), await theirs.call(method, path, body, options)];
  const seen = ({ status, body: answer, headers }: typeof mine) => ({
    status,
    type: headers['content-type'],
    ...(headers['warning'] === undefined ? {} : { warning: headers['warning'] }),
    body: withoutOwn(withoutWords(answer)),
  });
  return compare('', seen(mine), seen(real));
}

const REVISION = 'deployment.kubernetes.io/revision';

function withoutWords(answer: Fields): Fields {
  const { kind, message: _, details, metadata, status, ...rest } = structuredClone(answer);
  if (kind === 'Status') {
    for (const cause of details?.causes ?? []) delete cause.message;
    return { kind, status, details, ...rest };
  }
  if (metadata) {
    delete metadata.managedFields;
    if (metadata.annotations) delete metadata.annotations[REVISION];
    if (Object.keys(metadata.annotations ?? { none: '' }).length === 0) delete metadata.annotations;
    // No token is the same as an empty one.
    if (metadata.continue === '') delete metadata.continue;
  }
  const items = rest['items'] as Fields[] | undefined;
  return { kind, metadata, ...rest, ...(kind === 'Deployment' ? {} : { status }), ...(items ? { items: items.map(withoutWords) } : {}) };
}

function withoutOwn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutOwn);
  if (typeof value === 'string') return withoutIdentities(value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value as Fields).map(([name, each]) => {
      if (name === 'clusterIPs') return [name, (each as unknown[]).map(() => 'ADDRESS')];
      return [name, OWN[name] !== undefined && each !== null && typeof each !== 'object' ? OWN[name] : withoutOwn(each)];
    }),
  );
}

function withoutIdentities(text: string): string {
  return text.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UID');
}

function compare(path: string, ours: unknown, real: unknown): string[] {
  if (isRecord(ours) && isRecord(real)) {
    const names = [...new Set([...Object.keys(ours), ...Object.keys(real)])].sort();
    return names.flatMap((name) => compare(`${path}.${name}`, ours[name], real[name]));
  }
  if (Array.isArray(ours) && Array.isArray(real) && ours.length === real.length)
    return ours.flatMap((each, index) => compare(`${path}[${index}]`, each, real[index]));
  const [mine, theirs] = [JSON.stringify(ours), JSON.stringify(real)];
  return mine === theirs ? [] : [`${path}: ours ${mine}, real ${theirs}`];
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
