/** Which EKS operation a method and path are, and the errors of the service. */
import type { ServiceRequest } from '../service.ts';

export interface EksOperation {
  /** In AWS spelling; an unknown route is named by its method and path. */
  name: string;
  cluster?: string;
  principal?: string;
}

export class EksError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = code;
    this.status = status;
    this.code = code;
  }
}

export function notFound(message: string): EksError {
  return new EksError(404, 'ResourceNotFoundException', message);
}

/** `[method and path, operation]`; `/clusters/NAME` and the like. */
const ROUTES: [RegExp, string][] = [
  [/^GET \/clusters$/, 'ListClusters'],
  [/^GET \/clusters\/([^/]+)$/, 'DescribeCluster'],
  [/^GET \/clusters\/([^/]+)\/access-entries$/, 'ListAccessEntries'],
  [/^POST \/clusters\/([^/]+)\/access-entries$/, 'CreateAccessEntry'],
  [/^GET \/clusters\/([^/]+)\/access-entries\/([^/]+)$/, 'DescribeAccessEntry'],
  [/^DELETE \/clusters\/([^/]+)\/access-entries\/([^/]+)$/, 'DeleteAccessEntry'],
  [/^POST \/clusters$/, 'CreateCluster'],
  [/^DELETE \/clusters\/([^/]+)$/, 'DeleteCluster'],
  [/^POST \/clusters\/([^/]+)\/update-config$/, 'UpdateClusterConfig'],
  [/^GET \/clusters\/([^/]+)\/node-groups$/, 'ListNodegroups'],
  [/^GET \/clusters\/([^/]+)\/addons$/, 'ListAddons'],
];

export function eksOperation(request: ServiceRequest): EksOperation {
  const text = `${request.method} ${request.url.pathname}`;
  for (const [route, name] of ROUTES) {
    const [found, cluster, principal] = route.exec(text) ?? [];
    if (found === undefined) continue;
    return { name, ...(cluster ? { cluster: decode(cluster) } : {}), ...(principal ? { principal: decode(principal) } : {}) };
  }
  return { name: text };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new EksError(400, 'InvalidParameterException', 'The path cannot be decoded');
  }
}
