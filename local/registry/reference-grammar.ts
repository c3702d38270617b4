/** Grammar of repository names, tags and digests (OCI Distribution 1.1). All of them come from the client and become paths and keys. */

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const DIGEST = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;
/** ECR's limit; the specification leaves it open. */
const LONGEST_NAME = 256;

export type DigestAlgorithm = 'sha256' | 'sha512';

export function isRepositoryName(text: string): boolean {
  return text.length >= 2 && text.length <= LONGEST_NAME && NAME.test(text);
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** True for sha256 and sha512 in lower-case hexadecimal; other algorithms are not stored here. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** Algorithm of a well-formed digest. */
export function algorithmOf(digest: string): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}
