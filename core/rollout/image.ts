/** Image references of pods: `host[:port]/path[:tag][@digest]`. */

const DIGEST = /@(sha256:[0-9a-f]{64})$/;

/** Digest that the reference pins, if it does. */
export function digestOf(reference: string): string | undefined {
  return DIGEST.exec(reference)?.[1];
}

/** Tag of the reference, if it has one. */
export function tagOf(reference: string): string | undefined {
  const plain = reference.replace(DIGEST, '');
  const colon = plain.lastIndexOf(':');
  return colon > plain.lastIndexOf('/') ? plain.slice(colon + 1) : undefined;
}

/** The same host and repository at another digest. The host may have a port, so only what follows the last slash can be a tag. */
export function withDigest(reference: string, digest: string): string {
  const tag = tagOf(reference);
  const plain = reference.replace(DIGEST, '');
  return `${tag === undefined ? plain : plain.slice(0, -tag.length - 1)}@${digest}`;
}

/** Digest that a container runtime reports as `imageID`, e.g. `docker-pullable://host/path@sha256:…`. */
export function runningDigest(imageId: string): string | undefined {
  return /(?:^|@|\/\/)(sha256:[0-9a-f]{64})$/.exec(imageId)?.[1];
}
