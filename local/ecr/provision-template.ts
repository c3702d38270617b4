/** `AWS::ECR::RepositoryCreationTemplate`: settings of repositories that a push creates under a prefix; `ROOT` is for all that no other matches. */
import * as z from 'zod';
import type { RepositorySettings } from '../registry/repository.ts';
import type { ResourceProvider } from '../service.ts';
import { EcrError } from './ecr-error.ts';
import type { EcrState } from './operation.ts';
import { tagRule } from './repositories.ts';

const propertiesSchema = z.strictObject({
  Prefix: z.string().min(1),
  AppliedFor: z.array(z.enum(['CREATE_ON_PUSH', 'REPLICATION', 'PULL_THROUGH_CACHE'])).min(1),
  Description: z.string().optional(),
  ImageTagMutability: z.string().optional(),
  ImageTagMutabilityExclusionFilters: z
    .array(z.object({ ImageTagMutabilityExclusionFilterType: z.literal('WILDCARD'), ImageTagMutabilityExclusionFilterValue: z.string() }))
    .optional(),
});

/** Of the registry of the stack's own account; the one that was declared last for a prefix counts. */
export type CreationTemplates = Map<string, Pick<RepositorySettings, 'mutability' | 'exclusions'>>;

export function templateProvider(state: EcrState, templates: CreationTemplates): ResourceProvider {
  const own = state.registries.find(({ account }) => account === state.context.account) ?? state.home;
  return async ({ logicalId, properties }) => {
    const parsed = propertiesSchema.safeParse(properties);
    if (!parsed.success) throw new EcrError('InvalidParameterException', `${logicalId}: ${z.prettifyError(parsed.error)}`);
    const {
      Prefix: prefix,
      AppliedFor: uses,
      ImageTagMutability: mutability = 'MUTABLE',
      ImageTagMutabilityExclusionFilters: filters,
    } = parsed.data;
    const key = keyOf(own.name, prefix);
    if (uses.includes('CREATE_ON_PUSH')) {
      templates.set(
        key,
        tagRule(
          mutability,
          filters?.map((filter) => ({
            filterType: filter.ImageTagMutabilityExclusionFilterType,
            filter: filter.ImageTagMutabilityExclusionFilterValue,
          })),
        ),
      );
    } else templates.delete(key);
    return { ref: prefix, attributes: {} };
  };
}

/** The template of the longest prefix that a repository has; undefined where there is none for it. */
export function templateFor(templates: CreationTemplates, registry: string, repository: string): ReturnType<CreationTemplates['get']> {
  const parts = repository.split('/');
  for (let length = parts.length - 1; length > 0; length--) {
    const found = templates.get(keyOf(registry, parts.slice(0, length).join('/')));
    if (found) return found;
  }
  return templates.get(keyOf(registry, 'ROOT'));
}

function keyOf(registry: string, prefix: string): string {
  return `${registry} ${prefix}`;
}
