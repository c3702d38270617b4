/** Label selectors (`app=x,tier in (a,b),!old`), selector objects, and field selectors. */
import { badRequest } from './kube-error.ts';
import type { Fields, KubeObject } from './kube-object.ts';
import type { ResourceKind } from './resource-kinds.ts';

export type LabelMatcher = (labels: Record<string, string> | undefined) => boolean;

interface Requirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  values: string[];
}

/** Parses the query parameter `labelSelector`. Throws 400 where it cannot be read. */
export function parseLabelSelector(text: string): LabelMatcher {
  const requirements = splitTopLevel(text).map(parseRequirement);
  return (labels) => requirements.every((requirement) => meets(requirement, labels ?? {}));
}

/** Matcher of `{matchLabels, matchExpressions}`. An absent selector matches nothing, an empty one everything. */
export function matchLabelSelector(selector: Fields | undefined): LabelMatcher {
  if (!selector) return () => false;
  const requirements: Requirement[] = [
    ...Object.entries((selector.matchLabels ?? {}) as Record<string, string>).map(([key, value]) => ({
      key,
      operator: 'In' as const,
      values: [value],
    })),
    ...((selector.matchExpressions ?? []) as Fields[]).map((each) => ({
      key: each.key,
      operator: each.operator,
      values: each.values ?? [],
    })),
  ];
  return (labels) => requirements.every((requirement) => meets(requirement, labels ?? {}));
}

/** Matcher of a Service's plain `selector` map; a Service without selector matches nothing. */
export function matchServiceSelector(selector: Record<string, string> | undefined): LabelMatcher {
  const wanted = Object.entries(selector ?? {});
  return (labels) => wanted.length > 0 && wanted.every(([key, value]) => labels?.[key] === value);
}

/** `app=x,tier in (a,b)` of a selector object, for the scale subresource. */
export function formatLabelSelector(selector: Fields | undefined): string {
  const labels = Object.entries((selector?.matchLabels ?? {}) as Record<string, string>).map(([key, value]) => `${key}=${value}`);
  const expressions = ((selector?.matchExpressions ?? []) as Fields[]).map((each) => {
    if (each.operator === 'Exists') return each.key;
    if (each.operator === 'DoesNotExist') return `!${each.key}`;
    return `${each.key} ${each.operator === 'In' ? 'in' : 'notin'} (${(each.values ?? []).join(',')})`;
  });
  return [...labels, ...expressions].join(',');
}

/** Parses the query parameter `fieldSelector`. Throws 400 for fields that the API does not index. */
export function parseFieldSelector(kind: ResourceKind, text: string): (object: KubeObject) => boolean {
  const terms = text
    .split(',')
    .filter(Boolean)
    .map((term) => {
      const parts = /^([^=!]+)(==|!=|=)(.*)$/.exec(term.trim());
      if (!parts) throw badRequest(`invalid field selector: "${term}"; can't understand it`);
      const [, field, operator, value] = parts;
      if (field !== 'metadata.name' && field !== 'metadata.namespace' && !kind.selectable.includes(field!)) {
        const words =
          kind.selectable.length > 0
            ? `field label not supported: ${field}`
            : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`;
        throw badRequest(words);
      }
      return { path: field!.split('.'), equal: operator !== '!=', value: value! };
    });
  return (object) =>
    terms.every(({ path, equal, value }) => {
      const found = path.reduce<unknown>((at, name) => (at as Fields | undefined)?.[name], object);
      const text = typeof found === 'object' && found !== null ? ((found as Fields).component ?? '') : String(found ?? '');
      return (text === value) === equal;
    });
}

function splitTopLevel(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let current = '';
  for (const character of text) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === ',' && depth === 0) {
      parts.push(current);
      current = '';
    } else current += character;
  }
  parts.push(current);
  return parts.map((part) => part.trim()).filter(Boolean);
}

const NAME = '[A-Za-z0-9][A-Za-z0-9._/-]*';
const FORMS: [RegExp, (parts: string[]) => Requirement][] = [
  [
    new RegExp(`^(${NAME})\\s+(in|notin)\\s*\\(([^()]*)\\)$`),
    ([, key, operator, values]) => set(key!, operator === 'in' ? 'In' : 'NotIn', values!),
  ],
  [
    new RegExp(`^(${NAME})\\s*(==|=|!=)\\s*([A-Za-z0-9._-]*)$`),
    ([, key, operator, value]) => one(key!, operator === '!=' ? 'NotIn' : 'In', value!),
  ],
  [new RegExp(`^(${NAME})\\s*([<>])\\s*(-?\\d+)$`), ([, key, operator, value]) => one(key!, operator === '>' ? 'Gt' : 'Lt', value!)],
  [new RegExp(`^!\\s*(${NAME})$`), ([, key]) => ({ key: key!, operator: 'DoesNotExist', values: [] })],
  [new RegExp(`^(${NAME})$`), ([, key]) => ({ key: key!, operator: 'Exists', values: [] })],
];

function parseRequirement(text: string): Requirement {
  for (const [form, make] of FORMS) {
    const parts = form.exec(text);
    if (parts) return make(parts);
  }
  throw badRequest(`unable to parse requirement: found '${text}', expected: !, identifier, or 'end of string'`);
}

function set(key: string, operator: Requirement['operator'], values: string): Requirement {
  return { key, operator, values: values.split(',').map((value) => value.trim()) };
}

function one(key: string, operator: Requirement['operator'], value: string): Requirement {
  return { key, operator, values: [value] };
}

function meets({ key, operator, values }: Requirement, labels: Record<string, string>): boolean {
  const has = Object.hasOwn(labels, key);
  const value = has ? labels[key]! : '';
  switch (operator) {
    case 'In':
      return has && values.includes(value);
    case 'NotIn':
      return !has || !values.includes(value);
    case 'Exists':
      return has;
    case 'DoesNotExist':
      return !has;
    case 'Gt':
      return has && Number(value) > Number(values[0]);
    case 'Lt':
      return has && Number(value) < Number(values[0]);
  }
}
