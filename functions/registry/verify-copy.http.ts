/** `GET /v1/environments/{env}/copies`: what each registry of an environment has of a version, compared with its source part by part. */
import { belongsToTenant } from '../../core/access/membership.ts';
import { artifactOf, environmentBefore } from '../../core/environment/configuration.ts';
import { Fault, Refusal } from '../../core/errors.ts';
import type { CopyComparison } from '../../core/registry/copy-comparison.ts';
import type { RegistryReader } from '../../core/registry/ports.ts';
import { registryRole } from '../../core/registry/target.ts';
import { tagCandidates, withoutEnvironment } from '../../core/registry/version.ts';
import type { HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { environments } from '../kit/state.ts';

interface CopyQuery {
  artifact: string;
  version: string;
}

interface Held {
  version: string;
  digest: string;
}

type RegistryReport = { complete: boolean } & (Partial<CopyComparison> | { missing: never[]; failure: { code: string; message: string } });

export function verifyCopy(reader: Pick<RegistryReader, 'resolve' | 'compare'>): TwoPhaseHandler<void, unknown, CopyQuery> {
  return {
    async find({ configuration, params }) {
      if (!Object.hasOwn(configuration.environments, params['env']!)) throw new Refusal('NOT_FOUND', 'there is no such environment');
    },
    async handle(call) {
      const { configuration, caller, query } = call;
      const artifact = artifactOf(configuration, query.artifact);
      if (!artifact || !belongsToTenant(caller.membership, artifact.tenant)) throw new Refusal('NOT_FOUND', 'there is no such artifact');
      const environment = configuration.environments[call.params['env']!]!;
      const from = environmentBefore(configuration, environment.name);
      if (from === undefined) {
        throw new Refusal(
          'VERSION_REFUSED',
          `versions are published into ${environment.name}, not copied: there is nothing to compare with`,
          {
            hint: 'name a later environment',
          },
        );
      }
      const held = await heldVersion(call, reader, from);
      const source = configuration.registries[configuration.environments[from]!.registries[0]!]!;
      const registries = await Promise.all(
        environment.registries.map(async (name, index) => ({
          name,
          role: registryRole(index),
          required: environment.requireRegistries === 'all' || index === 0,
          ...(await compared(() => reader.compare(source, configuration.registries[name]!, query.artifact, held.digest))),
        })),
      );
      const complete = registries.every((registry) => registry.complete);
      return { status: 200, body: { environment: environment.name, artifact: query.artifact, ...held, complete, registries } };
    },
  };
}

/** The version as the environment holds or held it. `query.version` is attacker-controlled and matches the tag grammar. Refusal NOT_FOUND. */
async function heldVersion(
  { configuration, params, query }: HttpCall<unknown, CopyQuery>,
  reader: Pick<RegistryReader, 'resolve'>,
  from: string,
): Promise<Held> {
  const environment = params['env']!;
  const current = (await environments.get(environment, query.artifact))?.current;
  const spellings = tagCandidates(query.version, configuration.path, from).map(({ releaseVersion }) => releaseVersion);
  if (current && [current.digest, current.version].some((name) => name === query.version || spellings.includes(name)))
    return heldOf(current);
  const source = configuration.registries[configuration.environments[from]!.registries[0]!]!;
  const found = await reader.resolve(source, query.artifact, query.version, configuration.path, from);
  const evidence = found && (await environments.evidence(environment, query.artifact, found.digest));
  if (evidence) return heldOf(evidence);
  const plain = withoutEnvironment(query.version, configuration.path);
  throw new Refusal('NOT_FOUND', `${query.artifact} ${plain} never succeeded in ${environment}`, {
    hint: `greenlight list --environment ${environment} shows what did`,
  });
}

function heldOf({ version, digest }: Held): Held {
  return { version, digest };
}

/** A registry that cannot be compared is not a complete copy; the others are compared all the same. */
async function compared(compare: () => Promise<CopyComparison>): Promise<RegistryReport> {
  try {
    return await compare();
  } catch (error) {
    if (!(error instanceof Fault) && !(error instanceof Refusal)) throw error;
    return { complete: false, missing: [], failure: { code: error.code, message: error.message } };
  }
}
