/** `GET /v1/environments/{env}/tags`: whether the tags of a version in an environment's registries name what they should. */
import { belongsToTenant } from '../../core/access/membership.ts';
import { artifactOf, type RegistryConfiguration } from '../../core/environment/configuration.ts';
import { messageOf, Refusal } from '../../core/errors.ts';
import type { ImageList, RegistryReader, TagRule } from '../../core/registry/ports.ts';
import { environmentTag, latestTag, versionKey } from '../../core/registry/version.ts';
import { matchesTag } from '../../core/retention/tag-pattern.ts';
import { hasRun } from '../../core/rollout/rollback-target.ts';
import type { TwoPhaseHandler } from '../kit/http.ts';
import { environments } from '../kit/state.ts';

interface TagQuery {
  artifact: string;
  version: string;
}

/** `right`: names the digest. `missing`: names nothing. `wrong`: names another one. */
type TagState = 'right' | 'missing' | 'wrong';

export function environmentTags(reader: Pick<RegistryReader, 'digestOf'>, list: ImageList): TwoPhaseHandler<void, unknown, TagQuery> {
  return {
    async find({ configuration, params }) {
      if (!Object.hasOwn(configuration.environments, params['env']!)) throw new Refusal('NOT_FOUND', 'there is no such environment');
    },
    async handle({ configuration, caller, params, query }) {
      const { artifact } = query;
      const known = artifactOf(configuration, artifact);
      if (!known || !belongsToTenant(caller.membership, known.tenant)) throw new Refusal('NOT_FOUND', 'there is no such artifact');
      const environment = configuration.environments[params['env']!]!;
      const [record, past] = await Promise.all([
        environments.get(environment.name, artifact),
        environments.history(environment.name, artifact),
      ]);
      const key = versionKey(query.version, configuration.path);
      const entry = past.find(
        (each) => hasRun(each) && (each.digest === query.version || versionKey(each.version, configuration.path) === key),
      );
      if (!entry) {
        throw new Refusal('EVIDENCE_MISMATCH', `${artifact} ${query.version} never succeeded in ${environment.name}: it has no tag there`, {
          hint: `promote it: an environment tag is written by a promotion only (greenlight promote ${query.version} ${environment.name})`,
        });
      }
      const { version, digest } = entry;
      const isCurrent = record?.current?.digest === digest;
      const wanted = [environmentTag(version, environment.name), ...(isCurrent ? [latestTag(environment.name)] : [])];
      const registries = await Promise.all(
        environment.registries.map(async (name) => {
          const registry = configuration.registries[name]!;
          const tags = await Promise.all(
            wanted.map(async (tag) => {
              const found = await reader.digestOf(registry, artifact, tag);
              const state: TagState = found === undefined ? 'missing' : found === digest ? 'right' : 'wrong';
              return { tag, digest: found ?? null, state };
            }),
          );
          return { name, tags, immutability: await immutabilityOf(list, registry, artifact, wanted[0]!, environment.name) };
        }),
      );
      const complete = registries.every(({ tags }) => tags.every(({ state }) => state === 'right'));
      return { status: 200, body: { environment: environment.name, artifact, version, digest, current: isCurrent, complete, registries } };
    },
  };
}

/** Does the registry itself keep release tags where they are, and let the engine move its own? Null where it does not say. */
async function immutabilityOf(list: ImageList, registry: RegistryConfiguration, artifact: string, tag: string, environment: string) {
  let rule: TagRule | undefined;
  try {
    rule = await list.tagRule(registry, artifact);
  } catch (error) {
    return { rule: null, enforced: false, problem: `its rule cannot be read: ${messageOf(error)}` };
  }
  if (!rule) return null;
  const problem = problemOf(rule, tag, latestTag(environment));
  return { rule: rule.mutability, enforced: problem === undefined, ...(problem === undefined ? {} : { problem }) };
}

/** What is wrong with the rule for tags of ours. */
export function problemOf({ mutability, exclusions }: TagRule, fixed: string, moving: string): string | undefined {
  const isExcluded = (tag: string) => exclusions.some((pattern) => matchesTag(pattern, tag));
  const immutable = mutability.startsWith('IMMUTABLE') ? !(mutability.endsWith('EXCLUSION') && isExcluded(fixed)) : isExcluded(fixed);
  if (!immutable) return `tag ${fixed} may be moved: set IMMUTABLE_WITH_EXCLUSION with the exclusions latest-* and sha256-*`;
  const movable = mutability.startsWith('IMMUTABLE') ? mutability.endsWith('EXCLUSION') && isExcluded(moving) : !isExcluded(moving);
  return movable ? undefined : `tag ${moving} cannot be moved: add the exclusion latest-*`;
}
