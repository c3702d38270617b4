/** asl-validator has no types: what we use of it, typed. */
import { createRequire } from 'node:module';

interface Verdict {
  isValid: boolean;
  errorsText(separator?: string): string;
}

const validator = createRequire(import.meta.url)('asl-validator') as (definition: unknown) => Verdict;

/** What AWS would refuse in a definition, one message each. */
export function validate(definition: unknown): string[] {
  const verdict = validator(definition);
  return verdict.isValid ? [] : verdict.errorsText('\n').split('\n');
}
