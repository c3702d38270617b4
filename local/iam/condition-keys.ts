/** Which condition keys a policy reads, and how: two requests that no policy can tell apart share a decision in the cache. */
import type { PolicyDocument } from '../service.ts';

/** How policies use one condition key. */
export interface KeyUse {
  /** Texts that policies compare the key with, wildcards included. */
  patterns: Set<string>;
  /** True when the value counts as it is: other operators than text, or the key stands in a policy variable. */
  whole: boolean;
}

/** By lower-case name of the key. */
export type KeyUses = Map<string, KeyUse>;

const SET_OPERATOR = /^(ForAllValues|ForAnyValue):/i;
/** Operators whose answer depends only on which of the policy's texts a value matches. */
const TEXT_OPERATOR = /^(StringEquals|StringNotEquals|StringLike|StringNotLike)(IfExists)?$/i;
const PRESENCE_OPERATOR = /^Null$/i;

/** Keys in `Condition` blocks and in policy variables such as `${aws:PrincipalArn}`. */
export function conditionKeys(document: PolicyDocument): KeyUses {
  const uses: KeyUses = new Map();
  for (const statement of [document.Statement].flat()) {
    const condition = (statement as { Condition?: Record<string, Record<string, unknown>> }).Condition ?? {};
    for (const [operator, block] of Object.entries(condition)) {
      for (const [key, value] of Object.entries(block)) note(useOf(uses, key), operator.replace(SET_OPERATOR, ''), [value].flat());
    }
  }
  for (const [, name] of JSON.stringify(document).matchAll(/\$\{([^},]+)[^}]*\}/g)) useOf(uses, name!.trim()).whole = true;
  return uses;
}

/** What the cache keeps of a context value: the policy texts that it equals or matches, or the value itself where that does not say enough. */
export function valueClass(value: string | string[], use: KeyUse): unknown {
  if (use.whole) return value;
  const classes = [value].flat().map((text) => {
    const matched = [...use.patterns].map((pattern) => (text === pattern ? '=' : like(pattern).test(text) ? '~' : '-'));
    return matched.join('');
  });
  // One value and a list of one are not the same to operators that take a single value.
  return Array.isArray(value) ? [...new Set(classes)].sort() : classes[0];
}

function useOf(uses: KeyUses, key: string): KeyUse {
  const name = key.toLowerCase();
  const use = uses.get(name) ?? { patterns: new Set(), whole: false };
  uses.set(name, use);
  return use;
}

function note(use: KeyUse, operator: string, values: unknown[]): void {
  if (PRESENCE_OPERATOR.test(operator)) return;
  const texts = values.map(String);
  if (!TEXT_OPERATOR.test(operator) || texts.some((text) => text.includes('${'))) use.whole = true;
  for (const text of texts) use.patterns.add(text);
}

const compiled = new Map<string, RegExp>();

function like(pattern: string): RegExp {
  let expression = compiled.get(pattern);
  if (!expression) {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
    expression = new RegExp(`^${source}$`, 's');
    compiled.set(pattern, expression);
  }
  return expression;
}
