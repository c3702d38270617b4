/** Errors of a registry, as `{errors: [{code, message, detail}]}` of the OCI Distribution specification. */

export type RegistryErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'TAG_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS'
  | 'UNKNOWN';

/** A refusal with its HTTP status and extra headers (`range` of a refused chunk, `www-authenticate`). */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly status: number;
  readonly code: RegistryErrorCode;
  readonly detail: unknown;
  readonly headers: Record<string, string>;

  constructor(status: number, code: RegistryErrorCode, message: string, more: { detail?: unknown; headers?: Record<string, string> } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.detail = more.detail;
    this.headers = more.headers ?? {};
  }

  body(): string {
    return JSON.stringify({
      errors: [{ code: this.code, message: this.message, ...(this.detail !== undefined && { detail: this.detail }) }],
    });
  }
}
