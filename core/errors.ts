/** The two families of errors of the whole product, and the only place that knows their HTTP status and spelling on the wire. */

/** Codes of the public contract with their HTTP status. Extend it in the OpenAPI document too; never reuse a name. */
export const REFUSALS = {
  INVALID_REQUEST: 400,
  UNKNOWN_FIELD: 400,
  DUPLICATE_KEY: 400,
  INVALID_DATE: 400,
  INVALID_REF: 400,
  AMBIGUOUS_PARAMETER: 400,
  BAD_CURSOR: 400,
  CONFIRMATION_REQUIRED: 400,
  UNAUTHENTICATED: 401,
  BAD_LINK: 401,
  BAD_SIGNATURE: 401,
  FORBIDDEN: 403,
  SELF_APPROVAL: 403,
  NOT_AN_APPROVER: 403,
  WRONG_APPROVER: 403,
  HUMAN_REQUIRED: 403,
  UNKNOWN_SLACK_USER: 403,
  CSRF: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  NOT_NEXT_ENV: 422,
  POLICY_FLOOR: 422,
  AMBIGUOUS_MANIFEST: 422,
  LIMIT: 422,
  VERSION_REFUSED: 422,
  NOT_A_DELEGATE: 422,
  STATE_CONFLICT: 409,
  PLAN_CHANGED: 409,
  PLAN_STALE: 409,
  ALREADY_DECIDED: 409,
  PREVIEW_REQUIRED: 409,
  PREVIEW_EXPIRED: 409,
  PREVIEW_MISMATCH: 409,
  IDEMPOTENCY_MISMATCH: 409,
  IN_PROGRESS: 409,
  ENV_LOCKED: 409,
  FREEZE_WINDOW: 409,
  SOURCE_CHANGED: 409,
  TAG_MOVED: 409,
  TAG_IMMUTABLE: 409,
  NOTHING_TO_ROLL_BACK: 409,
  CONFIRM_IMPACT: 409,
  EVIDENCE_MISMATCH: 409,
  ARTIFACT_DELETING: 409,
  BREAK_GLASS_DEBT: 409,
  ALREADY_RUNNING: 409,
  EXPIRED: 410,
  LINK_EXPIRED: 410,
  LINK_USED: 410,
  TOO_MANY_REQUESTS: 429,
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** One field of the input that is wrong: `path` is a JSON pointer. */
export interface FieldError {
  path: string;
  message: string;
}

export interface RefusalOptions {
  /** What the user can do about it. */
  hint?: string;
  errors?: readonly FieldError[];
  /** Seconds until a retry makes sense. */
  retryAfter?: number;
  /** Header values that belong to the answer, e.g. `Allow`. */
  headers?: Record<string, string>;
}

/** A rule said no: 4xx, never retried. Nothing was changed. */
export class Refusal extends Error {
  override readonly name: string;
  readonly code: RefusalCode;
  readonly status: number;
  readonly hint: string | undefined;
  readonly errors: readonly FieldError[] | undefined;
  readonly retryAfter: number | undefined;
  readonly headers: Record<string, string> | undefined;

  constructor(code: RefusalCode, detail: string, options: RefusalOptions = {}) {
    super(detail);
    this.name = code;
    this.code = code;
    this.status = REFUSALS[code];
    this.hint = options.hint;
    this.errors = options.errors;
    this.retryAfter = options.retryAfter;
    this.headers = options.headers;
  }
}

/** Codes of what can break. `AUDIT_UNAVAILABLE` and `UNAVAILABLE` are 503 on the wire; the others are reasons of a failed step. */
export type FaultCode =
  | 'UNAVAILABLE'
  | 'AUDIT_UNAVAILABLE'
  | 'DIGEST_MISMATCH'
  | 'FOREIGN_REALM'
  | 'WRONG_DIGEST'
  | 'STABLE_UNHEALTHY'
  | 'ROLLBACK_FAILED'
  | 'SAFETY_STOP'
  | 'ABORTED'
  | 'LIMIT'
  | 'TAG_IMMUTABLE'
  | 'EGRESS_REFUSED'
  | 'REGISTRY_REFUSED'
  | 'MANIFEST_INVALID'
  | 'SMOKE_FAILED'
  | 'ROLLOUT_TIMEOUT'
  | 'JOB_FAILED'
  | 'CLUSTER_CONFLICT'
  | 'CLUSTER_REFUSED'
  | 'PLAN_CHANGED'
  | 'LOCK_LOST';

/** The codes that may pass when tried again; everything else is final. Decided here only. */
const RETRYABLE: ReadonlySet<FaultCode> = new Set(['UNAVAILABLE', 'AUDIT_UNAVAILABLE']);

/** The world broke. `name` is what Step Functions sees in `ErrorEquals`. */
export class Fault extends Error {
  override readonly name: string;
  readonly code: FaultCode;
  readonly retryable: boolean;
  readonly hint: string | undefined;

  constructor(code: FaultCode, detail: string, options: { cause?: unknown; hint?: string } = {}) {
    super(detail, { cause: options.cause });
    this.name = code;
    this.code = code;
    this.retryable = RETRYABLE.has(code);
    this.hint = options.hint;
  }
}

/** A short text of anything thrown, for messages that people read. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
