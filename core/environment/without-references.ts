/** A configuration as it is shown: that there is a secret and where it lies, not its name. */
import type { Json } from '../promotion/canonical-json.ts';

const REFERENCE = /^(secret|ssm):/;
const CREDENTIAL = /^(password|token|taskToken|secret|hash|webhook_url)$/;

/** References become `reference (ssm)`; a member whose name is that of a credential says that it is one. Nothing else changes. */
export function withoutReferences(value: Json): Json {
  if (typeof value === 'string') {
    const kind = REFERENCE.exec(value)?.[1];
    return kind === undefined ? value : `reference (${kind})`;
  }
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item) => withoutReferences(item as Json));
  const members = Object.entries(value).map(([key, member]): [string, Json] =>
    CREDENTIAL.test(key) ? [`${key}Reference`, withoutReferences(member as Json)] : [key, withoutReferences(member as Json)],
  );
  return Object.fromEntries(members);
}
