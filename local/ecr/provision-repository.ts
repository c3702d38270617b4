/** `AWS::ECR::Repository`. */
import * as z from 'zod';
import type { RepositorySettings } from '../registry/repository.ts';
import type { ResourceProvider } from '../service.ts';
import { EcrError } from './ecr-error.ts';
import type { EcrState } from './operation.ts';
import { checkLifecyclePolicy, readPolicy, tagRule } from './repositories.ts';

const propertiesSchema = z.object({
  RepositoryName: z.string().optional(),
  ImageTagMutability: z.string().optional(),
  ImageTagMutabilityExclusionFilters: z
    .array(z.object({ ImageTagMutabilityExclusionFilterType: z.literal('WILDCARD'), ImageTagMutabilityExclusionFilterValue: z.string() }))
    .optional(),
  RepositoryPolicyText: z.unknown().optional(),
  LifecyclePolicy: z.object({ LifecyclePolicyText: z.string().optional(), RegistryId: z.string().optional() }).optional(),
  ImageScanningConfiguration: z.object({ ScanOnPush: z.union([z.boolean(), z.stringbool()]).optional() }).optional(),
  Tags: z.array(z.object({ Key: z.string(), Value: z.string() })).optional(),
  // Encryption has no effect here; a deleted stack leaves its repositories in the data folder.
  EncryptionConfiguration: z.unknown().optional(),
  EmptyOnDelete: z.unknown().optional(),
});

/** Creates the repository in the stack's own account (the default registry if that has none), or brings an existing one to the declared properties. Unknown properties are refused. */
export function repositoryProvider(state: EcrState): ResourceProvider {
  const own = state.registries.find(({ account }) => account === state.context.account) ?? state.home;
  return async ({ logicalId, properties, defaultName }) => {
    const parsed = propertiesSchema.strict().safeParse(properties);
    if (!parsed.success) throw new EcrError('InvalidParameterException', `${logicalId}: ${z.prettifyError(parsed.error)}`);
    const declared = parsed.data;
    const name = declared.RepositoryName ?? defaultName.toLowerCase();
    const { store, access, address } = own;
    const existing = store.repositories.get(name)?.settings;
    const { RepositoryPolicyText: policy, LifecyclePolicy: lifecycle } = declared;
    const settings: RepositorySettings = {
      ...(existing ?? state.newRepository(own)),
      ...tagRule(
        declared.ImageTagMutability ?? 'MUTABLE',
        declared.ImageTagMutabilityExclusionFilters?.map((filter) => ({
          filterType: filter.ImageTagMutabilityExclusionFilterType,
          filter: filter.ImageTagMutabilityExclusionFilterValue,
        })),
      ),
      scanOnPush: declared.ImageScanningConfiguration?.ScanOnPush ?? false,
      tags: Object.fromEntries((declared.Tags ?? []).map(({ Key, Value }) => [Key, Value])),
      ...(policy !== undefined && { policy: readPolicy(typeof policy === 'string' ? policy : JSON.stringify(policy)) }),
      ...(lifecycle?.LifecyclePolicyText && {
        lifecyclePolicy: { text: checkLifecyclePolicy(lifecycle.LifecyclePolicyText), at: state.context.clock.now() },
      }),
    };
    await store.saveSettings(name, settings);
    return { ref: name, attributes: { Arn: access.arnOf(name), RepositoryUri: `${address}/${name}` } };
  };
}
