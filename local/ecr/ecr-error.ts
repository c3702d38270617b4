/** Errors of ECR's JSON API. */
import { RegistryError } from '../registry/registry-error.ts';

export class EcrError extends Error {
  override readonly name = 'EcrError';
  readonly code: string;
  readonly status: number;
  /** Further members of the error, e.g. `lastValidByteReceived`. */
  readonly fields: Record<string, unknown>;

  constructor(code: string, message: string, fields: Record<string, unknown> = {}, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
    this.fields = fields;
  }
}

/** What a refusal of the registry's state is called in the JSON API; undefined for anything that is not one. */
export function asEcrError(error: unknown): EcrError | undefined {
  if (error instanceof EcrError) return error;
  if (!(error instanceof RegistryError)) return undefined;
  const kind = (error.detail as { kind?: string } | undefined)?.kind;
  switch (error.code) {
    case 'NAME_UNKNOWN':
      return new EcrError('RepositoryNotFoundException', error.message);
    case 'MANIFEST_UNKNOWN':
      return new EcrError('ImageNotFoundException', error.message);
    case 'MANIFEST_BLOB_UNKNOWN':
      return new EcrError(kind === 'manifest' ? 'ReferencedImagesNotFoundException' : 'LayersNotFoundException', error.message);
    case 'TAG_INVALID':
      return new EcrError(kind === 'immutable' ? 'ImageTagAlreadyExistsException' : 'InvalidParameterException', error.message);
    case 'DIGEST_INVALID':
      return new EcrError('ImageDigestDoesNotMatchException', error.message);
    case 'BLOB_UPLOAD_UNKNOWN':
      return new EcrError('UploadNotFoundException', error.message);
    default:
      return new EcrError('InvalidParameterException', error.message);
  }
}
