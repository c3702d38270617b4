/** How repositories are made that a first push, a replication or a pull-through cache creates: tags of releases are never moved. */
import { Aws, CfnCondition, Fn } from 'aws-cdk-lib';
import { CfnRepositoryCreationTemplate } from 'aws-cdk-lib/aws-ecr';
import type { Construct } from 'constructs';
import type { Configuration, RegistryConfiguration } from '../core/environment/configuration.ts';

/** Tags that move: what an environment holds now, and signatures and referrers by the digest of their subject. */
const MOVING = ['latest-*', 'sha256-*'];

/**
 * One template for each registry behind the first environment that lies in the account and region of the stack; those of other accounts are theirs to
 * set. Where versions are published nothing is said: a build may push a tag again, and a promotion pins its digest.
 */
export function repositoryTemplates(scope: Construct, { path, environments, registries }: Configuration): void {
  const first = new Set(environments[path[0]!]?.registries);
  const behind = new Set(path.slice(1).flatMap((name) => environments[name]?.registries ?? []));
  const places = new Map<string, RegistryConfiguration>();
  for (const name of behind) {
    const registry = registries[name];
    if (registry?.account === undefined || first.has(name)) continue;
    const place = [registry.account, registry.region ?? '', registry.prefix].join('/');
    if (!places.has(place)) places.set(place, registry);
  }
  for (const { name, account, region, prefix } of places.values()) {
    const id = `${name.replaceAll(/[^a-z0-9]/g, '')}Repositories`;
    const isOwn = new CfnCondition(scope, `${id}Own`, {
      expression: Fn.conditionAnd(Fn.conditionEquals(Aws.ACCOUNT_ID, account), Fn.conditionEquals(Aws.REGION, region ?? Aws.REGION)),
    });
    const template = new CfnRepositoryCreationTemplate(scope, id, {
      description: `Releases in ${name}: their tags are never moved`,
      prefix: prefix === '' ? 'ROOT' : prefix,
      appliedFor: ['CREATE_ON_PUSH', 'REPLICATION', 'PULL_THROUGH_CACHE'],
      imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
      imageTagMutabilityExclusionFilters: MOVING.map((pattern) => ({
        imageTagMutabilityExclusionFilterType: 'WILDCARD',
        imageTagMutabilityExclusionFilterValue: pattern,
      })),
    });
    template.cfnOptions.condition = isOwn;
  }
}
