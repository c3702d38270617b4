/** Which condition keys a policy reads: only these distinguish two requests for the decision cache. */
import type { PolicyDocument } from '../service.ts';

/** Lower-case names of the keys in `Condition` blocks and in policy variables such as `${aws:PrincipalArn}`. */
export function conditionKeys(document: PolicyDocument): Set<string> {
  const keys = new Set<string>();
  for (const statement of [document.Statement].flat()) {
    const condition = (statement as { Condition?: Record<string, Record<string, unknown>> }).Condition ?? {};
    for (const block of Object.values(condition)) for (const key of Object.keys(block)) keys.add(key.toLowerCase());
  }
  for (const [, name] of JSON.stringify(document).matchAll(/\$\{([^},]+)[^}]*\}/g)) keys.add(name!.trim().toLowerCase());
  return keys;
}
