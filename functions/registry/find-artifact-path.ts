/** The artifact that a path names, for whoever may see it. */
import { belongsToTenant, mayUse } from '../../core/access/membership.ts';
import type { Verb } from '../../core/access/verb.ts';
import { type ArtifactConfiguration, artifactOf } from '../../core/environment/configuration.ts';
import { Refusal } from '../../core/errors.ts';
import { artifactName } from '../../core/promotion/request-body.ts';
import { TAG_GRAMMAR } from '../../core/registry/version.ts';
import type { HttpCall } from '../kit/http.ts';

/** Refusals NOT_FOUND (another tenant's is as unknown as none) and FORBIDDEN. */
export function requireNamedArtifact({ configuration, caller, params }: HttpCall<unknown, unknown>, verb: Verb): ArtifactConfiguration {
  const name = params['name'] ?? '';
  const artifact = artifactName.safeParse(name).success ? artifactOf(configuration, name) : undefined;
  if (!artifact || !belongsToTenant(caller.membership, artifact.tenant)) {
    throw new Refusal('NOT_FOUND', 'there is no such artifact', { hint: 'check the name, and that your tenant owns it' });
  }
  if (!mayUse(caller.membership, verb, artifact.tenant)) throw new Refusal('FORBIDDEN', `your roles do not include the verb "${verb}"`);
  return artifact;
}

/** The version that a path names; what is no tag is no version. Refusal NOT_FOUND. */
export function requireVersionName({ params }: HttpCall<unknown, unknown>): string {
  const version = params['version'] ?? '';
  if (!TAG_GRAMMAR.test(version)) throw noSuchVersion(params['name'] ?? '', version);
  return version;
}

export function noSuchVersion(artifact: string, version: string): Refusal {
  return new Refusal('NOT_FOUND', `${artifact} has no version ${version.slice(0, 128)}`, {
    hint: 'check how it is spelled; greenlight list --environment ENV shows what environments hold',
  });
}
