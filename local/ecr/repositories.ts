/** ECR operations on repositories and their settings. */
import * as z from 'zod';
import { isRepositoryName } from '../registry/reference-grammar.ts';
import type { Registry } from '../registry/registry-server.ts';
import type { Repository, RepositorySettings } from '../registry/repository.ts';
import { problemOfRule, type TagFilter, type TagMutability } from '../registry/tag-immutability.ts';
import type { PolicyDocument } from '../service.ts';
import { EcrError } from './ecr-error.ts';
import { type EcrCall, type Operation, operation, page, pageInput, repositoryInput, repositoryOf, seconds } from './operation.ts';

const mutabilityInput = {
  imageTagMutability: z.string().optional(),
  imageTagMutabilityExclusionFilters: z.array(z.object({ filterType: z.literal('WILDCARD'), filter: z.string() })).optional(),
};
const tagList = z.array(z.object({ Key: z.string(), Value: z.string() }));

export const repositoryOperations: Record<string, Operation> = {
  CreateRepository: operation(
    'repository',
    z.object({
      ...repositoryInput,
      ...mutabilityInput,
      tags: tagList.optional(),
      imageScanningConfiguration: z.object({ scanOnPush: z.boolean().optional() }).optional(),
    }),
    async (call, input) => {
      const { registry } = call;
      const name = input.repositoryName;
      if (!isRepositoryName(name)) throw new EcrError('InvalidParameterException', `'${name}' is not a repository name`);
      if (registry.store.repositories.has(name)) {
        throw new EcrError(
          'RepositoryAlreadyExistsException',
          `The repository with name '${name}' already exists in the registry with id '${registry.account}'`,
        );
      }
      const settings: RepositorySettings = {
        ...call.newRepository(registry),
        ...tagRule(input.imageTagMutability ?? 'MUTABLE', input.imageTagMutabilityExclusionFilters),
        scanOnPush: input.imageScanningConfiguration?.scanOnPush ?? false,
        tags: Object.fromEntries((input.tags ?? []).map(({ Key, Value }) => [Key, Value])),
      };
      await registry.store.saveSettings(name, settings);
      return { repository: describeRepository(registry, repositoryOf(call, name)) };
    },
  ),
  DeleteRepository: operation('repository', z.object({ ...repositoryInput, force: z.boolean().optional() }), async (call, input) => {
    const repository = repositoryOf(call, input.repositoryName);
    if (repository.manifests.size > 0 && !input.force) {
      const where = `'${repository.name}' in registry with id '${call.registry.account}'`;
      throw new EcrError(
        'RepositoryNotEmptyException',
        `The repository with name ${where} cannot be deleted because it still contains images`,
      );
    }
    const described = describeRepository(call.registry, repository);
    await call.registry.store.deleteRepository(repository.name);
    return { repository: described };
  }),
  DescribeRepositories: operation(
    'repository',
    z.object({ registryId: z.string().optional(), repositoryNames: z.array(z.string()).max(100).optional(), ...pageInput }),
    (call, input) => {
      const { registry } = call;
      if (input.repositoryNames) {
        return { repositories: input.repositoryNames.map((name) => describeRepository(registry, repositoryOf(call, name))) };
      }
      const { items, next } = page([...registry.store.repositories.values()], (repository) => repository.name, input);
      return { repositories: items.map((repository) => describeRepository(registry, repository)), ...next };
    },
  ),
  PutImageTagMutability: operation(
    'repository',
    z.object({ ...repositoryInput, ...mutabilityInput, imageTagMutability: z.string() }),
    async (call, input) => {
      const rule = tagRule(input.imageTagMutability, input.imageTagMutabilityExclusionFilters);
      await change(call, input.repositoryName, rule);
      return { ...idOf(call, input.repositoryName), ...describeRule(rule) };
    },
  ),
  PutImageScanningConfiguration: operation(
    'repository',
    z.object({ ...repositoryInput, imageScanningConfiguration: z.object({ scanOnPush: z.boolean().optional() }) }),
    async (call, input) => {
      const scanOnPush = input.imageScanningConfiguration.scanOnPush ?? false;
      await change(call, input.repositoryName, { scanOnPush });
      return { ...idOf(call, input.repositoryName), imageScanningConfiguration: { scanOnPush } };
    },
  ),
  SetRepositoryPolicy: operation(
    'repository',
    z.object({ ...repositoryInput, policyText: z.string().max(10_240) }),
    async (call, input) => {
      await change(call, input.repositoryName, { policy: readPolicy(input.policyText) });
      return { ...idOf(call, input.repositoryName), policyText: input.policyText };
    },
  ),
  GetRepositoryPolicy: operation('repository', z.object(repositoryInput), (call, input) => ({
    ...idOf(call, input.repositoryName),
    policyText: JSON.stringify(policyOf(call, input.repositoryName)),
  })),
  DeleteRepositoryPolicy: operation('repository', z.object(repositoryInput), async (call, input) => {
    const policyText = JSON.stringify(policyOf(call, input.repositoryName));
    await change(call, input.repositoryName, { policy: undefined });
    return { ...idOf(call, input.repositoryName), policyText };
  }),
  PutLifecyclePolicy: operation(
    'repository',
    z.object({ ...repositoryInput, lifecyclePolicyText: z.string().max(30_720) }),
    async (call, input) => {
      const text = checkLifecyclePolicy(input.lifecyclePolicyText);
      await change(call, input.repositoryName, { lifecyclePolicy: { text, at: call.context.clock.now() } });
      return { ...idOf(call, input.repositoryName), lifecyclePolicyText: text };
    },
  ),
  GetLifecyclePolicy: operation('repository', z.object(repositoryInput), (call, input) => lifecyclePolicy(call, input.repositoryName)),
  DeleteLifecyclePolicy: operation('repository', z.object(repositoryInput), async (call, input) => {
    const deleted = lifecyclePolicy(call, input.repositoryName);
    await change(call, input.repositoryName, { lifecyclePolicy: undefined });
    return deleted;
  }),
  ListTagsForResource: operation('repository', z.object({ resourceArn: z.string() }), (call, input) => {
    const { settings } = repositoryOf(call, nameOfArn(input.resourceArn));
    return { tags: Object.entries(settings.tags ?? {}).map(([Key, Value]) => ({ Key, Value })) };
  }),
  TagResource: operation('repository', z.object({ resourceArn: z.string(), tags: tagList }), async (call, input) => {
    const name = nameOfArn(input.resourceArn);
    const tags = { ...repositoryOf(call, name).settings.tags, ...Object.fromEntries(input.tags.map(({ Key, Value }) => [Key, Value])) };
    await change(call, name, { tags });
    return {};
  }),
  UntagResource: operation('repository', z.object({ resourceArn: z.string(), tagKeys: z.array(z.string()) }), async (call, input) => {
    const name = nameOfArn(input.resourceArn);
    const kept = Object.entries(repositoryOf(call, name).settings.tags ?? {}).filter(([key]) => !input.tagKeys.includes(key));
    await change(call, name, { tags: Object.fromEntries(kept) });
    return {};
  }),
};

/** A checked rule; throws InvalidParameterException. */
export function tagRule(mutability: string, filters: TagFilter[] | undefined): { mutability: TagMutability; exclusions: TagFilter[] } {
  const rule = { mutability: mutability as TagMutability, exclusions: filters ?? [] };
  const problem = problemOfRule(rule);
  if (problem) throw new EcrError('InvalidParameterException', `Invalid parameter: ${problem}`);
  return rule;
}

/** A lifecycle policy is kept and answered, not run; its text must be one that ECR would take. */
export function checkLifecyclePolicy(text: string): string {
  const rules = readJson(text)?.rules;
  if (
    !Array.isArray(rules) ||
    rules.length === 0 ||
    !rules.every((rule) => typeof rule?.rulePriority === 'number' && rule?.selection && rule?.action)
  ) {
    throw new EcrError(
      'InvalidParameterException',
      "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure'",
    );
  }
  return text;
}

/** Parses the text of a repository policy. */
export function readPolicy(text: string): PolicyDocument {
  const policy = readJson(text);
  if (!policy?.Statement)
    throw new EcrError(
      'InvalidParameterException',
      "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'",
    );
  return policy as unknown as PolicyDocument;
}

function describeRepository(registry: Registry, { name, settings }: Repository): object {
  return {
    repositoryArn: registry.access.arnOf(name),
    registryId: registry.account,
    repositoryName: name,
    repositoryUri: `${registry.address}/${name}`,
    createdAt: seconds(settings.createdAt),
    ...describeRule(settings),
    imageScanningConfiguration: { scanOnPush: settings.scanOnPush ?? false },
    encryptionConfiguration: { encryptionType: 'AES256' },
  };
}

function describeRule({ mutability, exclusions }: { mutability: TagMutability; exclusions: TagFilter[] }): object {
  return { imageTagMutability: mutability, ...(exclusions.length > 0 && { imageTagMutabilityExclusionFilters: exclusions }) };
}

function idOf({ registry }: EcrCall, repositoryName: string): object {
  return { registryId: registry.account, repositoryName };
}

async function change(
  call: EcrCall,
  name: string,
  changes: { [K in keyof RepositorySettings]?: RepositorySettings[K] | undefined },
): Promise<void> {
  await call.registry.store.saveSettings(name, { ...repositoryOf(call, name).settings, ...changes } as RepositorySettings);
}

function policyOf(call: EcrCall, name: string): PolicyDocument {
  const { policy } = repositoryOf(call, name).settings;
  if (policy) return policy;
  const where = `'${name}' in the registry with id '${call.registry.account}'`;
  throw new EcrError('RepositoryPolicyNotFoundException', `Repository policy does not exist for the repository with name ${where}`);
}

function lifecyclePolicy(call: EcrCall, name: string): object {
  const { lifecyclePolicy: kept } = repositoryOf(call, name).settings;
  if (!kept)
    throw new EcrError('LifecyclePolicyNotFoundException', `Lifecycle policy does not exist for the repository with name '${name}'`);
  return { ...idOf(call, name), lifecyclePolicyText: kept.text, lastEvaluatedAt: seconds(kept.at) };
}

function nameOfArn(arn: string): string {
  return /^arn:aws:ecr:[^:]*:\d{12}:repository\/(.+)$/.exec(arn)?.[1] ?? '';
}

function readJson(text: string): Record<string, unknown> | undefined {
  try {
    const parsed = JSON.parse(text) as unknown;
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
