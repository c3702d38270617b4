/** What an edit changed, in words: those whose approval it voided see it instead of comparing two hashes. */
import type { Json } from './canonical-json.ts';
import type { Plan } from './plan.ts';
import type { PlanChange, PromotionSpec } from './promotion.ts';

/** A long text is shown by its beginning; the whole one stands in the request. */
const LONGEST = 300;
const MOST = 40;

/** Members of the two plans and of the two specs that differ, as dotted paths. Texts are the requester's: attacker-controlled. */
export function planChanges(before: { plan: Plan; spec: PromotionSpec }, after: { plan: Plan; spec: PromotionSpec }): PlanChange[] {
  const flat = ({ plan, spec }: { plan: Plan; spec: PromotionSpec }): Map<string, string> => {
    // Hashes of the texts and of the file say nothing to a reader; the texts themselves do.
    const { textHash: _text, edition: _edition, requester: _requester, source, ...facts } = plan;
    const { request, preChecks } = spec;
    return new Map(members({ ...facts, sourceEvidence: source.by, ...request, ...preChecks } as unknown as Json, ''));
  };
  const [old, now] = [flat(before), flat(after)];
  const fields = [...new Set([...old.keys(), ...now.keys()])].filter((field) => old.get(field) !== now.get(field));
  return fields.slice(0, MOST).map((field) => ({ field, before: old.get(field) ?? 'none', after: now.get(field) ?? 'none' }));
}

function members(value: Json, path: string): [string, string][] {
  if (value === null || typeof value !== 'object') return [[path, shown(value)]];
  const entries: [string, Json][] = Array.isArray(value) ? value.map((item, index) => [String(index + 1), item]) : Object.entries(value);
  return entries.flatMap(([name, member]) => (member === undefined ? [] : members(member, path === '' ? name : `${path}.${name}`)));
}

function shown(value: string | number | boolean | null): string {
  if (value === null || value === '') return 'none';
  const text = String(value);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}
