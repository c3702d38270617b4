/** Which tags of a repository may move, in ECR's words. */

export type TagMutability = 'MUTABLE' | 'IMMUTABLE' | 'IMMUTABLE_WITH_EXCLUSION' | 'MUTABLE_WITH_EXCLUSION';

/** `*` stands for any number of characters. ECR takes at most 5 filters of at most 128 characters and 2 wildcards each. */
export interface TagFilter {
  filterType: 'WILDCARD';
  filter: string;
}

export interface TagRule {
  mutability: TagMutability;
  exclusions: TagFilter[];
}

const FILTER = /^[0-9a-zA-Z._*-]{1,128}$/;

/** True when an existing tag must keep its digest. */
export function isImmutable(tag: string, rule: TagRule): boolean {
  const excluded = rule.exclusions.some((filter) => matches(tag, filter.filter));
  switch (rule.mutability) {
    case 'MUTABLE':
      return false;
    case 'IMMUTABLE':
      return true;
    case 'IMMUTABLE_WITH_EXCLUSION':
      return !excluded;
    case 'MUTABLE_WITH_EXCLUSION':
      return excluded;
  }
}

/** The sentence that says what is wrong with a rule, or undefined. */
export function problemOfRule(rule: TagRule): string | undefined {
  const withExclusion = rule.mutability.endsWith('_WITH_EXCLUSION');
  if (!['MUTABLE', 'IMMUTABLE', 'IMMUTABLE_WITH_EXCLUSION', 'MUTABLE_WITH_EXCLUSION'].includes(rule.mutability)) {
    return `imageTagMutability '${rule.mutability}' is not one of MUTABLE, IMMUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION`;
  }
  if (withExclusion && rule.exclusions.length === 0) return `${rule.mutability} needs imageTagMutabilityExclusionFilters`;
  if (!withExclusion && rule.exclusions.length > 0) return `imageTagMutabilityExclusionFilters is not allowed with ${rule.mutability}`;
  if (rule.exclusions.length > 5) return 'imageTagMutabilityExclusionFilters takes at most 5 filters';
  const bad = rule.exclusions.find(
    ({ filterType, filter }) => filterType !== 'WILDCARD' || !FILTER.test(filter) || filter.split('*').length > 3,
  );
  return bad && `'${bad.filter}' is not a filter: 1 to 128 of 0-9 a-z A-Z . _ * -, at most two wildcards`;
}

function matches(tag: string, filter: string): boolean {
  // Everything but the wildcard is escaped, so that a filter cannot smuggle in an expression.
  const pattern = filter
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\-]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`).test(tag);
}
