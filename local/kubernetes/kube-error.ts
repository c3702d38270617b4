/** Errors of the Kubernetes API: each becomes a `Status` object with the reason, code and message of a real API server. */
import type { ResourceKind } from './resource-kinds.ts';

export interface StatusCause {
  reason: string;
  message: string;
  field?: string;
}

export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly code: number;
  readonly reason: string;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: number, reason: string, message: string, details?: Record<string, unknown>) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /** The `Status` body. */
  status(): Record<string, unknown> {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason ? { reason: this.reason } : {}),
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

function about(kind: ResourceKind, name: string): Record<string, unknown> {
  return { ...(name ? { name } : {}), ...(kind.group ? { group: kind.group } : {}), kind: kind.plural };
}

/** `deployments.apps`. */
export function qualified(kind: ResourceKind): string {
  return kind.group ? `${kind.plural}.${kind.group}` : kind.plural;
}

export const unauthorized = () => new KubeError(401, 'Unauthorized', 'Unauthorized');
export const badRequest = (message: string) => new KubeError(400, 'BadRequest', message);
export const expired = (message: string) => new KubeError(410, 'Expired', message);
export const notSupported = () =>
  new KubeError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
/** A failure that the real server has no reason for. */
export const unexplained = (message: string) => new KubeError(500, '', message);
export const unknownPath = () => new KubeError(404, 'NotFound', 'the server could not find the requested resource', {});

export function notFound(kind: ResourceKind, name: string): KubeError {
  return new KubeError(404, 'NotFound', `${qualified(kind)} "${name}" not found`, about(kind, name));
}

export function alreadyExists(kind: ResourceKind, name: string): KubeError {
  return new KubeError(409, 'AlreadyExists', `${qualified(kind)} "${name}" already exists`, about(kind, name));
}

export function conflict(kind: ResourceKind, name: string, message: string): KubeError {
  return new KubeError(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${message}`, about(kind, name));
}

export const OBJECT_MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again';

export function forbidden(kind: ResourceKind, name: string, message: string): KubeError {
  return new KubeError(403, 'Forbidden', `${qualified(kind)}${name ? ` "${name}"` : ''} is forbidden: ${message}`, about(kind, name));
}

/** 422 for a parameter of the request; `options` names their kind, such as `PatchOptions`. */
export function invalidOption(options: string, field: string, cause: Omit<StatusCause, 'field'>): KubeError {
  const details = { group: 'meta.k8s.io', kind: options, causes: [{ ...cause, field }] };
  return new KubeError(422, 'Invalid', `${options}.meta.k8s.io "" is invalid: ${field}: ${cause.message}`, details);
}

/** 422 for a patch after which the object cannot be read. */
export function invalidPatch(patch: unknown, message: string): KubeError {
  const cause = {
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(JSON.stringify(patch))}: ${message}`,
    field: 'patch',
  };
  return new KubeError(422, 'Invalid', ` "" is invalid: patch: ${cause.message}`, { causes: [cause] });
}

/** 422 with one cause per field, spelled as `spec.replicas: Invalid value: -1: must be greater than or equal to 0`. */
export function invalid(kind: ResourceKind, name: string, causes: StatusCause[]): KubeError {
  const lines = causes.map((cause) => (cause.field ? `${cause.field}: ${cause.message}` : cause.message));
  const text = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  const named = kind.group ? `${kind.kind}.${kind.group}` : kind.kind;
  return new KubeError(422, 'Invalid', `${named} "${name}" is invalid: ${text}`, {
    ...(name ? { name } : {}),
    ...(kind.group ? { group: kind.group } : {}),
    kind: kind.kind,
    causes,
  });
}
