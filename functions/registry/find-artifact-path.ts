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
  if (!TAG_GRAMMAR.test(version)) throw noSuchVersion();
  return version;
}

/** Repeats nothing of what was asked for: it comes from outside (REST-28). */
export function noSuchVersion(): Refusal {
  return new Refusal('NOT_FOUND', 'the artifact has no such version', {
    hint: 'check how it is spelled; greenlight list --environment ENV shows what environments hold',
  });
}
